import pickle
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation.contamination import COVERED, GRAM, RUN, SHORTEST, Contamination, Index
from app.curation.passages import Passage, passages, words
from app.curation.texts import texts
from app.curation.verdict import Flag, Record, Verdict

TRAINS = (
    "A train leaves the harbour at noon and another one leaves the mountain village two hours "
    "later; when do they meet, if both of them drive at sixty kilometres an hour?"
)


def against(*items: dict[str, Any], source: str = "support/exam@1") -> Contamination:
    return Contamination.of([index(*items, source=source)])


def index(*items: dict[str, Any], source: str = "support/exam@1") -> Index:
    return Index.of(source, [p for n, item in enumerate(items) for p in passages(n, item)])


def naive(items: Sequence[dict[str, Any]], record: Record) -> tuple[str, float] | None:
    """The rule again, word by word: what becomes of a record, and the highest coverage."""
    said_in = [words(text) for text in texts(record)]
    best, run = 0.0, False
    for item in items:
        for passage in passages(0, item):
            said = words(passage.text)
            if SHORTEST <= len(said) < GRAM:
                best = max(best, float(said in said_in))
            elif len(said) >= GRAM:
                covered = {
                    i + n
                    for i in range(len(said) - GRAM + 1)
                    for text in said_in
                    if _holds(text, said[i : i + GRAM])
                    for n in range(GRAM)
                }
                best = max(best, len(covered) / len(said))
                run |= any(
                    _holds(text, said[i : i + RUN])
                    for i in range(len(said) - RUN + 1)
                    for text in said_in
                )
    if best >= COVERED:
        return "filter.contamination.covered", best
    return ("filter.contamination.run", best) if run else None


def _holds(text: list[str], part: list[str]) -> bool:
    return any(text[i : i + len(part)] == part for i in range(len(text) - len(part) + 1))


few = st.lists(st.sampled_from("ab"), max_size=45).map(" ".join)
record_of = st.fixed_dictionaries({"question": few, "answer": few})
items_of = st.lists(st.fixed_dictionaries({"question": few, "choices": st.lists(few)}), max_size=5)


@given(items=items_of, records=st.lists(record_of, max_size=4))
def test_it_decides_as_a_search_word_by_word_would(
    items: list[dict[str, Any]], records: list[Record]
) -> None:
    expected = [naive(items, record) for record in records]
    # The same set under two names, and in two parts, is no other set.
    for indexes in (
        [index(*items)],
        [index(*items), index(*items, source="support/again@2")],
        [index(*items[:2]), index(*items[2:])],
    ):
        found = Contamination.of(indexes).check_many(records)
        for one, wanted in zip(found, expected, strict=True):
            assert (None if one is None else one.reason) == (wanted and wanted[0])
            if isinstance(one, Verdict) and wanted:
                assert one.value == pytest.approx(wanted[1], abs=1e-4)
        assert [Contamination.of(indexes).check(record) for record in records] == found


def test_a_copy_is_dropped_with_what_it_is_a_copy_of() -> None:
    verdict = against({"id": "1", "text": "no"}, {"question": TRAINS, "answer": "five"}).check(
        {"q": f"Try this: {TRAINS.upper().replace(' ', '  ')}", "a": "Five, I think."}
    )
    assert verdict == Verdict(
        "filter.contamination.covered",
        1.0,
        0.5,
        "has 31 of the 31 words of support/exam@1, item 1, question",
    )


def test_a_copy_with_another_answer_is_a_copy() -> None:
    long = " ".join(f"word{n}" for n in range(300))
    assert against({"question": TRAINS, "answer": long}).check({"q": TRAINS}) is not None


@pytest.mark.parametrize("count", range(7, 16))
def test_half_of_the_words_drop_and_thirteen_in_a_row_flag(count: int) -> None:
    item = [f"w{n}" for n in range(30)]
    found = against({"question": " ".join(item)}).check({"q": " ".join(item[3 : 3 + count])})
    if count >= 15:
        assert isinstance(found, Verdict)
        assert found.value == 0.5
    elif count >= 13:
        assert found == Flag(
            "filter.contamination.run",
            round(count / 30, 4),
            0.5,
            "has 13 words in a row of support/exam@1, item 0, question",
        )
    else:
        assert found is None


def test_words_of_two_texts_are_never_read_as_one_run() -> None:
    half = TRAINS.split()
    own = ["so"] * 8
    first, second = " ".join([*own, *half[:7]]), " ".join([*half[7:14], *own])
    exam = against({"question": " ".join(half[:16])})
    assert exam.check({"q": f"{first} {second}"}) is not None
    assert exam.check({"q": first, "a": second}) is None
    assert exam.check({"a": second, "q": first}) is None
    assert exam.check_many([{"q": first}, {"q": second}]) == [None, None]
    item = {"a": " ".join(half[:10]), "b": " ".join(half[10:20])}
    # Of 14 words in a row, 7 are of either text: no run of the record is a run of the item.
    assert against(item).check({"q": " ".join(half[3:17])}) is None


@pytest.mark.parametrize(
    ("item", "text", "dropped"),
    [
        ("What is seven times eight?", "what is SEVEN times eight", True),
        ("What is seven times eight?", "Asked what is seven times eight he laughed", False),
        ("None of the above", "none of the above", False),
        ("", "", False),
    ],
)
def test_a_short_item_counts_only_as_a_whole_text(item: str, text: str, *, dropped: bool) -> None:
    assert (against({"question": item}).check({"q": text}) is not None) is dropped


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("“Don’t”, she said — it’s far", "don't SHE said: it's far"),  # noqa: RUF001
        ("ＦＵＬＬ　width Ⅳ", "full width iv"),  # noqa: RUF001
        ("Straße DÉJÀ", "STRASSE déjà"),
        ("snake_case(x)", "snake case x"),
        ("हिन्दी भाषा", "हिन्दी  भाषा।"),
    ],
)
def test_spelling_makes_no_difference(one: str, other: str) -> None:
    assert words(one) == words(other)


def test_scripts_without_spaces_have_a_word_for_each_character() -> None:
    assert words("東京はabc、大きい") == [*"東京は", "abc", *"大きい"]
    exam = "从前有一个人住在山里面每天都去河边打水"
    assert against({"question": exam}).check({"q": f"题目：{exam}。"}) is not None  # noqa: RUF001


def test_any_text_of_a_nested_item_is_a_passage() -> None:
    item = {"turns": [{"role": "user", "content": TRAINS}], "n": 3, "none": None}
    assert [(p.field, p.text) for p in passages(4, item)] == [
        ("turns/0/role", "user"),
        ("turns/0/content", TRAINS),
    ]


def test_a_text_made_of_one_word_is_done_with_at_once() -> None:
    same = Passage(0, "q", "the " * 3000)
    index = Index.of("a/b@1", [same] * 200)
    found = Contamination.of([index]).check({"q": "the " * 60_000, "a": random.Random(1).random()})
    assert isinstance(found, Verdict)
    assert len(index.grams) == 2


def test_an_index_never_leaves_its_process() -> None:
    with pytest.raises(TypeError, match="another process"):
        pickle.dumps(index({"question": TRAINS}))
