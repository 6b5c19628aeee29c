import pytest

from app.errors import Invalid
from app.prompts.template import parse_template
from tests.prompts.sources import QUESTION_ANSWER, with_body


def faults(source: str) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        parse_template(source)
    assert caught.value.code == "template.invalid"
    return {error.field: error.problem for error in caught.value.errors}


def test_a_template_declares_what_it_takes_and_what_it_asks_for() -> None:
    template = parse_template(QUESTION_ANSWER)

    assert template.input_names == ("topic", "level")
    assert template.inputs["required"] == ["topic"]
    assert template.inputs["additionalProperties"] is False
    assert template.format == "json"
    assert template.response["required"] == ["question", "answer"]
    assert template.response["additionalProperties"] is False
    assert template.fields == ("topic", "level", "question", "answer")
    assert template.dedup == ("question",)
    assert template.sampling == {"temperature": 0.8, "max_tokens": 200}


def test_a_record_is_told_apart_by_all_its_fields_unless_the_author_says_otherwise() -> None:
    template = parse_template(QUESTION_ANSWER.replace("dedup: [question]\n", ""))

    assert template.dedup == ("topic", "level", "question", "answer")


def test_an_input_left_out_takes_its_default() -> None:
    template = parse_template(QUESTION_ANSWER)

    assert template.complete({"topic": "tea"}) == {"topic": "tea", "level": "easy"}
    assert template.complete({"topic": "tea", "level": "hard"})["level"] == "hard"


def test_line_endings_and_a_byte_order_mark_make_no_new_content() -> None:
    plain = parse_template(QUESTION_ANSWER)
    windows = parse_template("\ufeff" + QUESTION_ANSWER.replace("\n", "\r\n") + "\r\n")

    assert windows.digest == plain.digest
    assert parse_template(QUESTION_ANSWER.replace("quiz", "exam")).digest != plain.digest


@pytest.mark.parametrize(
    ("old", "new", "field", "problem"),
    [
        ("{{ topic }}", "{{ topik }}", "/source/inputs/topik", "not among the inputs: topic"),
        ("{{ topic }}", "x", "/source/inputs/topic", "no system or user turn uses it"),
        ("question:", "topic:", "/source/response/schema/properties/topic", "a record holds both"),
        ("description", "descripton", "/source/description", "Field required"),
        ("[question]", "[quest]", "/source/dedup/0", "known: topic, level, question, answer"),
        ("maxLength: 2000", "maxlength: 2", "/source/inputs/topic/maxlength", "not a keyword"),
        ("default: easy", "default: 5", "/source/inputs/level/default", "not of type"),
        ("level:", "response:", "/source/inputs/response", "this name is taken"),
        ("level:", "the level:", "/source/inputs/the level", "a name is letters"),
        ("temperature: 0.8", "temperature: -1", "/source/sampling/temperature", "greater than"),
        ("temperature", "temp", "/source/sampling/temp", "Extra inputs"),
        ("format: json", "format: xml", "/source/response/format", "'json', 'tags' or 'text'"),
        ("format: json", "format: text", "/source/response/schema/properties", "exactly one"),
        ("{type: string, maxLength: 400}", "{$ref: 'http://h/x'}",
         "/source/response/schema/properties/answer/$ref", "'#/$defs/…'"),
        ("description: A", "description: &a A", "/source", "line 2: anchors and aliases"),
        ("description: A", "description: [", "/source", "line 3: "),
        ("inputs:", "description: twice\ninputs:", "/source", "line 3: the key 'description'"),
        ("{% system %}", "Hello {% system %}", "/source", "line 15: text outside a turn"),
        ("{% enduser %}\n", "", "/source", "looking for the following tags: 'enduser'"),
        ("{% enduser %}", "{% enduser %}{% user %}x{% enduser %}", "/source", "one user turn"),
        ("{% enduser %}", "{% enduser %}\n{% system %}x{% endsystem %}", "/source",
         "one system turn"),
        ("{{ topic }}", "{{ topic | upcase }}", "/source", "line 20: no filter is named 'upcase'"),
        ("{{ topic }}", "{{ topic is fine }}", "/source", "line 20: no test is named 'fine'"),
        ("{{ topic }}", "{% include topic %}", "/source", "line 20: no tag is named 'include'"),
        ("{{ topic }}", "{{ topic }", "/source", "line 20: "),
        ("---\n{% system %}", "{% system %}", "/source", "closed by a line '---'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(
    old: str, new: str, field: str, problem: str
) -> None:
    assert old in QUESTION_ANSWER

    found = faults(QUESTION_ANSWER.replace(old, new, 1))

    assert problem in found[field]


def test_all_wrong_keys_are_named_at_once() -> None:
    source = QUESTION_ANSWER.replace("description", "about").replace("dedup", "dedupe")

    assert set(faults(source)) == {"/source/description", "/source/about", "/source/dedupe"}


def test_turns_come_in_the_order_they_are_sent() -> None:
    body = QUESTION_ANSWER.replace("{% system %}", "{% assistant %}")
    swapped = body.replace("{% endsystem %}", "{% endassistant %}")

    assert "turns come in this order" in faults(swapped)["/source"]


def test_only_the_assistant_turn_sees_a_response() -> None:
    told = QUESTION_ANSWER.replace("{{ topic }}", "{{ topic }} {{ response.answer }}")
    shown = QUESTION_ANSWER + "{% assistant %}A: {{ response.answer }}{% endassistant %}"

    assert "the user turn uses 'response'" in faults(told)["/source/inputs/response"]
    assert parse_template(shown)


def test_a_template_without_a_user_turn_is_refused() -> None:
    source = QUESTION_ANSWER.replace("{% user %}", "{% assistant %}")

    assert (
        "has a user turn"
        in faults(source.replace("{% enduser %}", "{% endassistant %}"))["/source"]
    )


@pytest.mark.parametrize("source", ["", "hello", "---\n", "---\n- a\n---\n", "---\n---\n"])
def test_a_source_without_a_head_is_refused(source: str) -> None:
    assert faults(source)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (with_body("{{ x }}" + "y" * 70_000), "at most 65536 bytes"),
        (with_body("{{ x }}\0"), "the character NUL"),
        (with_body("{{ x }}\ud800"), "lone surrogates"),
        (with_body('{{ x }}{{ "\\ud800" }}'), "NUL or a lone surrogate"),
        (with_body('{{ x }}{{ "\\x00" }}'), "NUL or a lone surrogate"),
    ],
)
def test_what_postgres_cannot_hold_is_refused(source: str, problem: str) -> None:
    assert problem in faults(source)["/source"]
