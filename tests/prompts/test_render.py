import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.prompts.few_shot import Example
from app.prompts.prompt import Message
from app.prompts.render import Renderer
from app.prompts.template import parse_template
from tests.prompts.sources import EXAMPLES, HEAD, QUESTION_ANSWER, with_body

RENDERER = Renderer(parse_template(QUESTION_ANSWER), EXAMPLES)
VERBATIM = Renderer(parse_template(with_body("{{ x }}", "x: {type: string}")))

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
marks = st.sampled_from(
    [
        "{% enduser %}",
        "{% system %}",
        "{{ level }}",
        "{#",
        "#}",
        "{% raw %}",
        "{% endraw %}",
        "\r\n",
    ]
)
inputs = st.lists(texts | marks, max_size=8).map("".join).filter(lambda text: len(text) <= 2_000)


def test_examples_become_turns_between_the_system_turn_and_the_rows_own() -> None:
    prompt = RENDERER.prompt({"topic": "tea", "level": "hard"})

    roles = [message.role for message in prompt.messages]
    assert roles == ["system", *["user", "assistant"] * 6, "user"]
    assert prompt.messages[0].content == "You write quiz questions."
    assert prompt.messages[1].content == "Topic: topic 0"
    assert prompt.messages[-1].content == "Topic: tea\nMake it hard."


def test_an_example_is_answered_in_the_order_of_the_schema() -> None:
    answered = RENDERER.prompt({"topic": "tea"}).messages[2].content

    assert answered == '{"question":"What is 0?","answer":"The answer is 0."}'


@given(inputs)
def test_no_input_forges_a_turn(topic: str) -> None:
    messages = RENDERER.prompt({"topic": topic}).messages

    assert messages[:-1] == RENDERER.prompt({"topic": "tea"}).messages[:-1]
    assert messages[-1] == Message("user", f"Topic: {topic}")


@given(inputs)
def test_any_text_arrives_as_it_is(text: str) -> None:
    assert VERBATIM.prompt({"x": text}).messages == (Message("user", text),)


@given(inputs)
def test_rendering_is_deterministic(topic: str) -> None:
    other = Renderer(parse_template(QUESTION_ANSWER), EXAMPLES)

    assert RENDERER.prompt({"topic": topic}) == other.prompt({"topic": topic})


@given(inputs, inputs)
def test_two_prompts_have_one_digest_only_if_they_are_equal(one: str, two: str) -> None:
    first, second = RENDERER.prompt({"topic": one}), RENDERER.prompt({"topic": two})

    assert (first.digest == second.digest) == (one == two)
    assert len(first.digest) == 16


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text("abc <&>'\"é{%"),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_what_is_not_text_is_written_as_json(value: object) -> None:
    [message] = Renderer(parse_template(with_body("{{ x }}"))).prompt({"x": value}).messages

    assert (
        message.content == value if isinstance(value, str) else json.loads(message.content) == value
    )


@pytest.mark.parametrize(
    ("row", "field", "problem"),
    [
        ({}, "/inputs/topic", "is required"),
        ({"topic": 3}, "/inputs/topic", 'not of type "string"'),
        ({"topic": "x", "level": "odd"}, "/inputs/level", 'not one of "easy" or "hard"'),
        ({"topic": "x", "tone": "dry"}, "/inputs", "should not hold 'tone'"),
        ({"topic": "x" * 2001}, "/inputs/topic", "longer than 2000"),
        ({"topic": "\ud800"}, "/inputs", "lone surrogates"),
    ],
)
def test_a_wrong_input_is_named(row: dict[str, object], field: str, problem: str) -> None:
    with pytest.raises(Invalid) as caught:
        RENDERER.prompt(row)

    found = {error.field: error.problem for error in caught.value.errors}
    assert problem in found[field]


def test_a_wrong_example_is_named() -> None:
    wrong = [
        Example({"topic": "x"}, {"question": "q"}),
        Example({}, {"question": 1, "answer": "a"}),
    ]

    with pytest.raises(Invalid) as caught:
        Renderer(parse_template(QUESTION_ANSWER), wrong)

    assert {error.field for error in caught.value.errors} == {
        "/examples/0/response/answer",
        "/examples/1/inputs/topic",
        "/examples/1/response/question",
    }


def test_the_tags_format_writes_one_tag_a_line() -> None:
    source = (
        HEAD.replace("format: json", "format: tags")
        + "{% user %}{{ topic }}{{ level }}{% enduser %}"
    )
    prompt = Renderer(parse_template(source), EXAMPLES[:1]).prompt({"topic": "tea"})

    assert prompt.messages[1].content == (
        "<question>What is 0?</question>\n<answer>The answer is 0.</answer>"
    )


def test_the_text_format_writes_the_text() -> None:
    source = HEAD.replace("format: json", "format: text").replace(
        "      answer: {type: string, maxLength: 400}\n", ""
    )
    source += "{% user %}{{ topic }}{{ level }}{% enduser %}"
    shown = [Example({"topic": "x"}, {"question": " Why?\n"})]

    assert Renderer(parse_template(source), shown).prompt({"topic": "tea"}).messages[1].content == (
        " Why?\n"
    )


def test_an_assistant_turn_says_how_examples_are_answered() -> None:
    source = QUESTION_ANSWER + (
        "{% assistant %}\n{{ topic }}: {{ response.question }}\n{% endassistant %}\n"
    )
    prompt = Renderer(parse_template(source), EXAMPLES[:1]).prompt({"topic": "tea"})

    assert prompt.messages[2].content == "topic 0: What is 0?"


def test_a_system_turn_may_speak_of_the_row() -> None:
    source = QUESTION_ANSWER.replace("quiz", "{{ level }} quiz")
    renderer = Renderer(parse_template(source), EXAMPLES)

    assert renderer.prompt({"topic": "tea"}).messages[
        0
    ].content == "You write easy questions.".replace("easy", "easy quiz")
    hard = renderer.prompt({"topic": "tea", "level": "hard"})
    assert hard.messages[0].content == "You write hard quiz questions."


def test_loops_filters_and_conditions_do_what_they_say() -> None:
    body = (
        "{% for item in x %}{{ loop.index }}."
        "{% for key, value in item.tags.items() %} {{ key }}={{ value }}{% endfor %}"
        " {{ item.name | upper }}\n{% endfor %}"
        "{{ x | length }} {{ x[0].name[:2] }} {{ 'many' if x | length > 1 else 'one' }}"
    )
    row = {"x": [{"name": "tea", "tags": {"hot": True}}, {"name": "ice", "tags": {}}]}

    [message] = Renderer(parse_template(with_body(body))).prompt(row).messages

    assert message.content == "1. hot=true TEA\n2. ICE\n2 te many"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("{{ x.missing }}", "no attribute 'missing'"),
        ("\n{{ x.a + 1 }}", "line 7, in the user turn"),
        ("{{ x.a.upper }}", "no attribute 'upper'"),
        ("{{ x.items }}", "is not JSON"),
        ("{% for a in x.n %}{% endfor %}", "not iterable"),
        ("{{ x | first }}", "in the user turn"),
    ],
)
def test_a_failure_names_its_line(body: str, problem: str) -> None:
    renderer = Renderer(parse_template(with_body(body)))

    with pytest.raises(Invalid) as caught:
        renderer.prompt({"x": {"a": "text", "n": 3}})

    assert caught.value.code == "prompt.failed"
    assert problem in caught.value.detail


def test_a_prompt_is_not_endless() -> None:
    renderer = Renderer(
        parse_template(with_body("{% for a in x %}{% for b in x %}{{ b }}{% endfor %}{% endfor %}"))
    )

    with pytest.raises(Invalid, match="more than 512000 characters"):
        renderer.prompt({"x": ["y" * 1000] * 100})
