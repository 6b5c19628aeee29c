from typing import Any

import pytest

from app.errors import Invalid
from app.prompts.few_shot import check_examples, parse_few_shot, read_examples
from app.prompts.template import parse_template
from tests.prompts.sources import QUESTION_ANSWER


def examples(count: int) -> list[dict[str, Any]]:
    return [
        {"inputs": {"topic": f"t{n}"}, "response": {"question": f"q{n}", "answer": "a"}}
        for n in range(count)
    ]


def faults(value: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        parse_few_shot(value)
    assert caught.value.code == "few_shot.invalid"
    return {error.field: error.problem for error in caught.value.errors}


@pytest.mark.parametrize("count", [4, 5, 6, 7, 8])
def test_a_set_holds_four_to_eight_examples(count: int) -> None:
    assert len(parse_few_shot(examples(count)).examples) == count


@pytest.mark.parametrize("count", [0, 1, 3, 9, 100])
def test_a_set_of_another_size_is_refused(count: int) -> None:
    assert faults(examples(count))["/examples"] == (
        f"should hold from 4 to 8 examples; it holds {count}"
    )


def test_content_is_the_examples_in_their_order() -> None:
    four = examples(4)
    rewritten = [{"response": one["response"], "inputs": one["inputs"]} for one in four]

    assert parse_few_shot(rewritten).digest == parse_few_shot(four).digest
    assert parse_few_shot(four[::-1]).digest != parse_few_shot(four).digest


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        (lambda e: {"examples": e}, "/examples", "should be a list"),
        (lambda e: [*e[:3], 5], "/examples/3", "should be an object"),
        (lambda e: [*e[:3], {"inputs": {}}], "/examples/3", "{inputs: {…}, response: {…}}"),
        (lambda e: [*e[:3], {**e[3], "note": "x"}], "/examples/3", "{inputs: {…}, response: {…}}"),
        (lambda e: [*e[:3], {**e[3], "response": "x"}], "/examples/3/response", "an object"),
        (lambda e: [*e, e[1]], "/examples/4", "is the same as example 1"),
        (lambda e: [*e[:3], {"inputs": {"a": "\ud800"}, "response": {}}], "/examples/3", "surrog"),
        (
            lambda e: [*e[:3], {"inputs": {"a": "x" * 300_000}, "response": {}}],
            "/examples",
            "262144",
        ),
    ],
)
def test_what_is_wrong_with_a_set_is_named(change: Any, field: str, problem: str) -> None:
    assert problem in faults(change(examples(4)))[field]


def test_each_example_is_held_against_the_template() -> None:
    wrong = examples(5)
    wrong[3]["response"]["answer"] = 7
    wrong[4]["inputs"] = {"topic": "x", "mood": "y"}

    with pytest.raises(Invalid) as caught:
        check_examples(parse_template(QUESTION_ANSWER), parse_few_shot(wrong).examples)

    assert {e.field: e.problem for e in caught.value.errors} == {
        "/examples/3/response/answer": 'the value is not of type "string"',
        "/examples/4/inputs": "should not hold 'mood'",
    }


def test_a_part_of_a_set_can_be_shown_and_rotated() -> None:
    few_shot = parse_few_shot(examples(5))

    topics = [one.inputs["topic"] for one in few_shot.shown(3, rotation=4)]

    assert topics == ["t4", "t0", "t1"]
    assert few_shot.shown(0) == ()
    with pytest.raises(Invalid, match="from 0 to 5"):
        few_shot.shown(6)


def test_a_template_may_be_tried_with_fewer_examples() -> None:
    assert len(read_examples(examples(1))) == 1
    with pytest.raises(Invalid, match="at most 8"):
        read_examples(examples(9))
