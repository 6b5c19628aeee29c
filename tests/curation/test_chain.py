import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation.accept import AcceptSpec
from app.curation.chain import Chain
from app.curation.funnel import Stage, count, reached
from app.curation.response import Format
from app.curation.text import problem
from app.teachers.completion import Completion

SCHEMA = {
    "type": "object",
    "properties": {
        "question": {"type": "string", "minLength": 3},
        "answer": {"type": "string"},
    },
    "required": ["question", "answer"],
}
ONE_TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
CLEAN = [
    json.loads(line)
    for line in Path(__file__).with_name("clean.jsonl").read_text("utf-8").splitlines()
]


def chain(**accept: object) -> Chain:
    return Chain.of(AcceptSpec.model_validate(accept), "json", SCHEMA)


def says(**fields: object) -> Completion:
    return Completion(json.dumps(fields), "stop")


def test_a_good_reply_becomes_a_record_with_a_digest() -> None:
    curated = chain().curate(says(question="Why?", answer="So."), {"topic": "logic"})

    assert curated.record == {"topic": "logic", "question": "Why?", "answer": "So."}
    assert curated.verdict is None
    assert curated.digest is not None
    assert curated.reached is Stage.FILTERED


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        (Completion('{"question": "Wh', "length"), "finish.length"),
        (Completion("x" * 5_000_000, "stop"), "text.oversize"),
        (Completion("", "stop"), "parse.json.invalid"),
        (says(question="Why?"), "parse.json.schema"),
        (says(question="Why?", answer="a\x00b"), "text.nul"),
        (says(question="Why?", answer="\ud800"), "text.surrogate"),
        (says(question="Why?", answer=" "), "filter.empty"),
        (says(question="Why?", answer="I'm sorry, but I can't help with that."), "filter.refusal"),
        (says(question="Why?", answer="Because."), "filter.length.too_short"),
    ],
)
def test_a_bad_reply_is_refused_with_its_reason(completion: Completion, reason: str) -> None:
    length = {"name": "length", "field": "answer", "min_words": 2}
    curated = chain(filters=[length]).curate(completion, {"topic": "logic"})

    assert curated.verdict is not None
    assert curated.verdict.reason == reason
    assert curated.digest is None
    assert curated.reached == reached(reason)
    assert (curated.record is None) == (curated.reached is Stage.GENERATED)


def test_the_digest_covers_the_fields_that_the_job_names() -> None:
    by_question = Chain.of(AcceptSpec(), "json", SCHEMA, ["question"])
    one = by_question.curate(says(question="Why?", answer="So."), {})
    same = by_question.curate(says(question=" WHY? ", answer="Because."), {})
    other = chain().curate(says(question="Why?", answer="So."), {})

    assert one.digest == same.digest
    assert one.digest != other.digest


formats: dict[Format, Chain] = {
    "json": chain(),
    "tags": Chain.of(AcceptSpec(), "tags", SCHEMA),
    "text": Chain.of(AcceptSpec(), "text", ONE_TEXT),
}
finishes = st.sampled_from(["stop", "stop", "stop", "length", "oversize"]) | st.text(max_size=5)
anything = st.one_of(
    st.text(st.characters(codec=None)),
    st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")),
    st.dictionaries(
        st.sampled_from(["question", "answer", "\x00"]), st.text(st.characters(codec=None))
    ).map(json.dumps),
    st.text(st.characters(codec=None)).map(
        lambda text: f"<question>{text}</question><answer>{text}</answer>"
    ),
)


@pytest.mark.parametrize("response_format", formats)
@given(content=anything, finish=finishes)
def test_no_reply_makes_curation_raise_or_lets_poison_through(
    response_format: Format, content: str, finish: str
) -> None:
    curated = formats[response_format].curate(Completion(content, finish), {"topic": "x"})

    assert (curated.verdict is None) == (curated.digest is not None)
    if curated.record is not None:
        assert problem(curated.record) is None
    if curated.verdict is not None:
        assert curated.reached == reached(curated.verdict.reason)
        assert problem([curated.verdict.value, curated.verdict.detail]) is None
        assert len(curated.verdict.detail or "") <= 400


@given(st.lists(st.tuples(anything, finishes), max_size=12))
def test_the_funnel_adds_up_over_any_replies(replies: list[tuple[str, str]]) -> None:
    pairs = [(Completion(content, finish), {"topic": "x"}) for content, finish in replies]
    curated = formats["json"].curate_many(pairs)

    by_reason = Counter(each.verdict.reason if each.verdict else None for each in curated)
    funnel = count(by_reason)
    assert funnel[Stage.GENERATED] == len(replies)
    assert funnel[Stage.PARSED] == sum(each.record is not None for each in curated)
    assert funnel[Stage.ACCEPTED] == sum(each.verdict is None for each in curated)


def test_the_default_chain_drops_at_most_one_in_a_hundred_clean_replies() -> None:
    curated = chain().curate_many((Completion(json.dumps(row), "stop"), {}) for row in CLEAN)

    dropped = [each for each in curated if each.verdict]
    assert len(dropped) <= len(CLEAN) / 100, dropped


def test_clean_replies_are_all_novel() -> None:
    curated = chain().curate_many((Completion(json.dumps(row), "stop"), {}) for row in CLEAN)

    assert len({each.digest for each in curated}) == len(CLEAN)
