from app.prompts.diff import Change, compare
from app.prompts.template import parse_template
from tests.prompts.sources import QUESTION_ANSWER


def test_a_difference_shows_the_lines_and_what_is_declared_otherwise() -> None:
    before = parse_template(QUESTION_ANSWER)
    after = parse_template(
        QUESTION_ANSWER.replace("[easy, hard]", "[easy, hard, odd]")
        .replace("temperature: 0.8, ", "")
        .replace("quiz", "exam")
    )

    found = compare(before, after, ("qa@1", "qa@2"))

    assert found.text.startswith("--- qa@1\n+++ qa@2\n@@ ")
    assert "-You write quiz questions.\n+You write exam questions.\n" in found.text
    level = before.inputs["properties"]["level"]
    assert found.changes == (
        Change("/inputs/level", level, {**level, "enum": ["easy", "hard", "odd"]}),
        Change("/sampling/temperature", 0.8, None),
    )


def test_equal_templates_have_no_difference() -> None:
    template = parse_template(QUESTION_ANSWER)

    found = compare(template, template, ("a", "b"))

    assert (found.text, found.changes) == ("", ())
