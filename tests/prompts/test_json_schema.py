import time
from typing import Any

import pytest

from app.errors import Invalid
from app.prompts.json_schema import check_schema, compile_schema


def an_object(**more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": {"type": "string"}}, **more}


def faults(schema: Any) -> dict[str, str]:
    began = time.monotonic()
    with pytest.raises(Invalid) as caught:
        check_schema(schema)
    assert time.monotonic() - began < 2
    assert caught.value.code == "schema.invalid"
    return {error.field: error.problem for error in caught.value.errors}


def doubling(levels: int) -> dict[str, Any]:
    each = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]}
        for n in range(levels)
    }
    return an_object(**{"$defs": {**each, f"d{levels}": {"type": "string"}}})


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = an_object()
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema | {"type": "object"}


def test_a_plain_schema_is_taken_as_it_is() -> None:
    schema = an_object(
        required=["a"], **{"$defs": {"b": {"type": "integer"}}, "x-note": "anything"}
    )
    schema["properties"]["b"] = {"$ref": "#/$defs/b"}

    assert check_schema(schema) is schema


@pytest.mark.parametrize(
    ("schema", "field", "problem"),
    [
        (None, "/schema", "an object"),
        ([], "/schema", "an object"),
        ({"type": "string"}, "/schema/type", "should be 'object'"),
        ({"type": "object"}, "/schema/properties", "at least one"),
        (an_object(maxlenght=3), "/schema/maxlenght", "not a keyword"),
        (an_object(properties={"a": {"type": "strng"}}), "/schema/properties/a/type", "boolean"),
        (an_object(properties={"a": {"minLength": "1"}}), "/schema/properties/a/minLength", "int"),
        (an_object(properties={"a": {"pattern": "(?=x)"}}), "/schema/properties/a/pattern", "look"),
        (an_object(properties={"a": {"pattern": r"(x)\1"}}),
         "/schema/properties/a/pattern", "back"),
        (an_object(properties={"a": {"pattern": r"\p{L}{1,2000}"}}),
         "/schema/properties/a/pattern", "short"),
        (an_object(properties={"a": {"$ref": "http://127.0.0.1/x"}}),
         "/schema/properties/a/$ref", "#/$defs/"),
        (an_object(properties={"a": {"$ref": "file:///etc/passwd"}}),
         "/schema/properties/a/$ref", "#/$defs/"),
        (an_object(properties={"a": {"$ref": "#"}}), "/schema/properties/a/$ref", "#/$defs/"),
        (an_object(properties={"a": {"$ref": "#/$defs/none"}}),
         "/schema/properties/a/$ref", "naming a definition"),
        (an_object(properties={"a": {"$dynamicRef": "#x"}}),
         "/schema/properties/a/$dynamicRef", "not taken here"),
        (an_object(**{"$id": "http://h/x"}), "/schema/$id", "not taken here"),
        (an_object(**{"$schema": "http://h/x"}), "/schema/$schema", "2020-12"),
        (an_object(**{"$defs": {"b": {"properties": {"c": {"$ref": "#/$defs/b"}}}}}),
         "/schema/$defs/b/properties/c/$ref", "back to itself"),
        (an_object(description="x" * 70_000), "/schema", "at most 65536 bytes"),
        (an_object(const=10**40), "/schema", "64 bits"),
        (an_object(const="\ud800"), "/schema", "surrogates"),
        (an_object(properties={f"p{n}": {"pattern": "a"} for n in range(40)}), "/schema", "32 pat"),
        (doubling(25), "/schema", "at most 4000 parts"),
        (nested(40), "/schema", "at most 32 deep"),
    ],
)  # fmt: skip
def test_a_schema_that_is_not_taken_is_told_why(schema: Any, field: str, problem: str) -> None:
    assert problem in faults(schema)[field]


def test_a_value_is_told_each_of_its_problems_and_never_repeated() -> None:
    schema = an_object(required=["a", "b"], additionalProperties=False)
    schema["properties"]["n"] = {"type": "array", "items": {"type": "integer", "maximum": 9}}

    problems = dict(
        compile_schema(schema).problems({"a": 3, "n": [1, "secret", 99], "z": "secret"})
    )

    assert problems == {
        "/a": 'the value is not of type "string"',
        "/b": "is required",
        "/n/1": 'the value is not of type "integer"',
        "/n/2": "the value is greater than the maximum of 9",
        "": "should not hold 'z'",
    }


def test_a_right_value_has_no_problems() -> None:
    validator = compile_schema(an_object())

    assert validator.problems({"a": "x"}) == []
    assert validator.is_valid({"a": "x"})
    assert not validator.is_valid({"a": 1})


@pytest.mark.parametrize("value", [{"a": object()}, {1: "x"}, {"a": {1}}, object()])
def test_a_value_that_is_not_json_is_a_problem_and_no_error(value: Any) -> None:
    assert compile_schema(an_object()).problems(value)


def test_a_catastrophic_pattern_is_linear() -> None:
    validator = compile_schema({"type": "object", "properties": {"a": {"pattern": "^(x+)+$"}}})
    began = time.monotonic()

    assert validator.problems({"a": "x" * 100_000 + "y"})
    assert time.monotonic() - began < 1


def test_a_huge_wrong_value_is_told_its_first_problem_only() -> None:
    items = {"type": "array", "items": {"type": "string"}}
    validator = compile_schema({"type": "object", "properties": {"a": items}})

    assert validator.problems({"a": list(range(200_000))}) == [
        ("/a/0", 'the value is not of type "string"')
    ]
