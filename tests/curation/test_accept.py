from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app.curation.accept import AcceptSpec
from app.curation.filter import filters
from app.curation.parsers import Json, Tags
from app.errors import Invalid


@pytest.mark.parametrize("written", ["tags", {"tags": {}}, {"name": "tags"}, Tags()])
def test_a_parser_may_be_written_short(written: Any) -> None:
    assert AcceptSpec.model_validate({"parse": written}).parse == Tags()


def test_the_default_reads_as_the_template_asks_and_drops_what_nobody_wants() -> None:
    spec = AcceptSpec.default_for("json")

    assert spec.parse == Json()
    assert [each.plugin_name for each in spec.filters] == [
        "empty",
        "refusal",
        "secrets",
        "echo",
        "repetition",
    ]


def test_filters_of_a_job_join_the_default_ones_cheapest_first() -> None:
    spec = AcceptSpec.model_validate(
        {
            "parse": {"json": {}},
            "filters": [
                {"name": "refusal", "below_words": 20},
                {"name": "length", "field": "answer", "min_words": 20},
                {"name": "length", "field": "question", "max_words": 40},
            ],
        }
    ).resolved("tags")

    written = spec.model_dump(mode="json")
    assert written["parse"] == {"name": "json"}
    assert [each["name"] for each in written["filters"]] == [
        "empty",
        "length",
        "length",
        "refusal",
        "secrets",
        "echo",
        "repetition",
    ]
    assert written["filters"][2] == {
        "name": "length",
        "action": "drop",
        "field": "question",
        "min_words": None,
        "max_words": 40,
        "min_characters": None,
        "max_characters": None,
        "min_tokens": None,
        "max_tokens": None,
    }
    assert written["filters"][3]["below_words"] == 20


def test_a_resolved_spec_survives_its_json_and_another_resolving() -> None:
    spec = AcceptSpec.model_validate(
        {"filters": [{"name": "length", "field": "a", "min_words": 1}]}
    ).resolved("text")
    again = AcceptSpec.model_validate_json(spec.model_dump_json())

    assert again == spec
    assert again.resolved("json") == spec


@pytest.mark.parametrize(
    ("document", "where", "message"),
    [
        (
            {"filters": [{"name": "lenght"}]},
            ("filters", 0),
            "no filter is named 'lenght'; known: code, echo, empty, equals, json_schema, language,",
        ),
        ({"filters": ["length"]}, ("filters", 0), "should be an object with a name"),
        ({"filters": [{"name": "length"}]}, ("filters", 0, "field"), "Field required"),
        ({"parse": "yaml"}, ("parse",), "no parser is named 'yaml'; known: json, tags, text"),
        ({"parse": {"json": {}, "tags": {}}}, ("parse",), "should be an object with a name"),
        ({"parse": {"json": {"strict": True}}}, ("parse", "strict"), "Extra inputs"),
        ({"parser": "json"}, ("parser",), "Extra inputs"),
    ],
)
def test_a_slip_is_named_where_it_stands(
    document: Any, where: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        AcceptSpec.model_validate(document)

    error = refused.value.errors()[0]
    assert error["loc"] == where
    assert message in error["msg"]


def test_a_filter_of_an_unknown_field_is_refused_with_those_known() -> None:
    spec = AcceptSpec.model_validate(
        {
            "filters": [
                {"name": "length", "field": "topic", "min_words": 1},
                {"name": "length", "field": "anwser", "min_words": 1},
                {"name": "refusal", "fields": ["reply"]},
            ]
        }
    )

    spec.check({"topic", "anwser", "reply"})
    with pytest.raises(Invalid) as refused:
        spec.check(["topic", "answer"])
    assert [(error.field, error.problem) for error in refused.value.errors] == [
        ("/accept/filters/1", "no field is named 'anwser'; known: answer, topic"),
        ("/accept/filters/2", "no field is named 'reply'; known: answer, topic"),
    ]


def test_the_api_documents_every_parser_and_filter() -> None:
    schema = TypeAdapter(AcceptSpec).json_schema()

    parse, _null = schema["properties"]["parse"]["anyOf"]
    assert [each["properties"]["name"]["const"] for each in parse["oneOf"]] == [
        "json",
        "tags",
        "text",
    ]
    kinds = schema["properties"]["filters"]["items"]["oneOf"]
    assert [each["properties"]["name"]["const"] for each in kinds] == filters.names
    for each in kinds:
        assert each["description"]
        assert all(field.get("description") for field in list(each["properties"].values())[1:])
