from typing import Any

import pytest

from app.curation.filters import Echo
from app.curation.response import Response
from app.curation.sample import Sample
from app.curation.verdict import Flag, Verdict
from app.prompts.prompt import Message, Prompt
from tests.curation.filters.replies import ANSWER, SCHEMA, noted

SYSTEM = "You write short questions for a quiz night and answer each of them in one plain sentence."
ASK = "Write a question about the topic below and answer it without naming any source. Topic: {}"
SHOWN = {
    "question": "Why do ships carry ballast water in their hulls?",
    "answer": "Ballast water keeps an empty ship deep and steady enough to steer in wind or sea.",
}


def judged(
    answer: str, topic: str = "tea", shown: Any = (), **parameters: Any
) -> Verdict | Flag | None:
    filter_ = Echo(**parameters).bound(Response.of(SCHEMA, shown))
    turns = (Message("system", SYSTEM), Message("user", ASK.format(topic)))
    record = {"topic": topic, "question": "Why?", "answer": answer}
    return noted(filter_(Sample(record, None, Prompt(turns, b""))))


@pytest.mark.parametrize(
    ("answer", "reason", "detail"),
    [
        (ANSWER, None, None),
        (f"Sure! {SYSTEM.upper()}", "filter.echo.prompt", "the system turn"),
        (f"The task says: {ASK.format('tea')}", "filter.echo.prompt", "the user turn"),
        (SYSTEM[:50], None, None),
    ],
)
def test_a_reply_that_recites_its_prompt_is_dropped(
    answer: str, reason: str | None, detail: str | None
) -> None:
    verdict = judged(answer)

    assert (verdict and verdict.reason) == reason
    if verdict:
        assert verdict.value >= verdict.threshold == 0.8
        assert verdict.detail == detail


def test_the_seed_rows_own_text_may_stand_in_the_reply_unless_the_job_says_otherwise() -> None:
    text = ANSWER.replace("tea", "the tea that they drank in the afternoon")

    assert judged(f"Corrected: {text}", topic=text) is None
    assert judged(f"{ASK.format(text)}", topic=text) is not None
    rows = judged(f"Corrected: {text}", topic=text, seed_rows=True, max_prompt=0.5)
    assert rows is not None
    assert rows.reason == "filter.echo.prompt"


def test_a_copy_of_an_example_is_dropped_however_little_was_changed() -> None:
    copy = f"{SHOWN['question']} {SHOWN['answer'].replace('empty', 'unladen')}"
    verdict = judged(copy, shown=[{"question": "What?", "answer": ANSWER}, SHOWN])

    assert verdict is not None
    assert (verdict.reason, verdict.threshold) == ("filter.echo.few_shot", 0.7)
    assert verdict.value > 0.9
    assert verdict.detail == "like example 1"
    assert (
        judged("Ballast keeps a ship steady, as anyone who sails her knows.", shown=[SHOWN]) is None
    )


def test_short_replies_are_alike_by_nature() -> None:
    labels = [{"question": "Why?", "answer": "positive"}]

    assert judged("positive", shown=labels) is None


def test_likeness_is_the_f1_of_the_longest_common_subsequence() -> None:
    shown = {"question": "a b c d", "answer": "e f g h i j"}
    verdict = judged("x a b y c d e f g z", shown=[shown], max_few_shot=0.5)

    assert verdict is not None
    assert verdict.value == round(2 * 7 / (11 + 10), 3)  # "why?" is the eleventh word


def test_languages_without_spaces_are_compared_by_characters() -> None:
    shown = {"answer": "压载水让空船在风浪中保持足够的吃水和稳定。"}

    assert judged("压载水让空船在风浪中保持足够的吃水与稳定。", shown=[shown])
    assert judged("茶叶在高山上生长, 需要很多雨水和阳光才能有好的香味。", shown=[shown]) is None


def test_without_a_prompt_there_is_nothing_to_recite() -> None:
    filter_ = Echo().bound(Response.of(SCHEMA))

    assert filter_(Sample({"question": SYSTEM, "answer": ANSWER})) is None
