import json
from collections import Counter
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation.accept import AcceptSpec
from app.curation.chain import Chain
from app.curation.filter import filters
from app.curation.funnel import Stage, count, reached
from app.curation.response import Format
from app.curation.text import problem
from app.prompts import plain_yaml
from app.prompts.prompt import Message, Prompt
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


EXAMPLES = plain_yaml.read(
    (Path(__file__).parents[2] / "prompts" / "question-answer" / "fewshot.yaml").read_text("utf-8")
)


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
    curated = [formats["json"].curate(*pair) for pair in pairs]

    by_reason = Counter(each.verdict.reason if each.verdict else None for each in curated)
    funnel = count(by_reason)
    assert funnel[Stage.GENERATED] == len(replies)
    assert funnel[Stage.PARSED] == sum(each.record is not None for each in curated)
    assert funnel[Stage.ACCEPTED] == sum(each.verdict is None for each in curated)


CHOICES: list[dict[str, object]] = [
    {"name": "length", "field": "answer", "min_words": 2, "max_tokens": 40},
    {"name": "refusal", "below_words": 5},
    {"name": "empty", "action": "flag"},
    {"name": "echo", "max_prompt": 0.1, "max_few_shot": 0.2, "seed_rows": True},
    {"name": "repetition", "max_duplicate_lines": 0.01, "max_duplicate_runs": 0.01},
    {"name": "language", "languages": ["en"], "min_characters": 1},
    {"name": "secrets", "action": "flag"},
    {"name": "pii"},
    {"name": "pii", "action": "drop", "kinds": ["email", "phone"]},
    {"name": "regex", "field": "answer", "must_match": "e", "must_not_match": "[0-9]"},
    {"name": "json_schema", "field": "answer", "fits": {"type": "object"}},
    {"name": "json_schema", "field": "question", "fits": {"maxLength": 9}, "as_text": False},
    {"name": "code", "field": "answer", "language": "python", "where": "whole"},
    {"name": "code", "field": "answer", "language": "json", "required": True, "action": "flag"},
    {"name": "equals", "field": "answer", "other": "question"},
    {"name": "one_of", "field": "answer", "values": ["yes", None, 3], "action": "flag"},
    {"name": "range", "field": "answer", "minimum": 0},
]
texts = st.sampled_from(
    [
        "yes",
        "3",
        "I'm sorry, but I can't help with that.",
        "Write to ada@mail.org or call +49 30 901820.",
        "no\nno\nno\nno\nno",
        "You write questions about ships and answer them in one sentence.",
        "```python\nx = (\n```",
        '{"a": 1}',
    ]
) | st.text(max_size=30)
replies = st.builds(lambda q, a: json.dumps({"question": q, "answer": a}), texts, texts) | anything
PROMPT = Prompt(
    (Message("system", "You write questions about ships and answer them in one sentence."),), b""
)


def test_the_chains_below_are_made_of_every_filter() -> None:
    assert {choice["name"] for choice in CHOICES} == set(filters.names)


@given(st.lists(st.sampled_from(CHOICES), max_size=6), st.lists(st.tuples(replies, finishes)))
def test_whatever_the_chain_the_funnel_adds_up_and_every_reject_says_why(
    chosen: list[dict[str, object]], said: list[tuple[str, str]]
) -> None:
    accept = AcceptSpec.model_validate({"filters": chosen})
    made = Chain.of(accept, "json", SCHEMA, examples=[{"question": "Why?", "answer": "x " * 9}])
    curated = [made.curate(Completion(*each), {"topic": "x"}, PROMPT) for each in said]

    rejects = [each.verdict for each in curated if each.verdict]
    funnel = count(Counter([v.reason for v in rejects] + [None] * (len(curated) - len(rejects))))
    assert funnel[Stage.GENERATED] == len(said)
    assert funnel[Stage.PARSED] == sum(each.record is not None for each in curated)
    assert funnel[Stage.FILTERED] == funnel[Stage.ACCEPTED] == len(said) - len(rejects)
    for each in curated:
        for note in (each.verdict, *each.flags) if each.verdict else each.flags:
            assert not note.reason.endswith(".error"), note
            if note.stage == "filter":
                assert note.reason.split(".")[1] in filters.names
                assert note.value is not None or note.threshold is not None or note.detail
            orjson.dumps([note.value, note.threshold, note.detail, note.revision])


def test_the_default_chain_drops_at_most_one_in_a_hundred_clean_replies() -> None:
    shown = [example["response"] for example in EXAMPLES]
    made = Chain.of(AcceptSpec(), "json", SCHEMA, examples=shown)
    said = [Completion(json.dumps(row), "stop") for row in CLEAN]

    curated = [made.curate(one, {"topic": "anything"}, PROMPT) for one in said]
    dropped = [each for each in curated if each.verdict]
    assert len(dropped) <= len(CLEAN) / 100, dropped


def test_no_example_of_ours_is_taken_for_a_copy_of_the_others() -> None:
    for number, example in enumerate(EXAMPLES):
        shown = [one["response"] for one in EXAMPLES if one is not example]
        said = Completion(json.dumps(example["response"]), "stop")
        among_others = Chain.of(AcceptSpec(), "json", SCHEMA, examples=shown)
        assert (number, among_others.curate(said, {}, PROMPT).verdict) == (number, None)
        copied = Chain.of(AcceptSpec(), "json", SCHEMA, examples=[*shown, example["response"]])
        assert (number, copied.curate(said, {}, PROMPT).verdict) != (number, None)


def test_clean_replies_are_all_novel() -> None:
    curated = [chain().curate(Completion(json.dumps(row), "stop"), {}) for row in CLEAN]

    assert len({each.digest for each in curated}) == len(CLEAN)
