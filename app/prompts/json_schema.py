"""JSON Schemas that users write: checked, compiled, and held against values by linear machines."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from app.errors import FieldError, Invalid
from app.prompts.schema_rules import DIALECT, faults, inside, pointer

_PATTERN_BYTES = 1 << 20
_MAX_PROBLEMS = 20
_EXPLAINED_NODES = 1_000
"""jsonschema-rs collects every problem before it gives the first: 200,000 wrong items take 2 s and
250 MB. A larger value is told its first problem only."""
_TYPES = "array, boolean, integer, null, number, object or string (or a list of them)"

Problem = tuple[str, str]
"""A JSON pointer into the value, and what would be right there."""


@dataclass(frozen=True, slots=True)
class Validator:
    """A compiled schema."""

    _compiled: jsonschema_rs.Draft202012Validator

    def is_valid(self, value: Any) -> bool:
        """Whether `value` meets the schema; no value raises."""
        try:
            return self._compiled.is_valid(value)
        except ValueError:
            return False

    def problems(self, value: Any) -> list[Problem]:
        """What is wrong with `value`, at most 20 problems; empty when it meets the schema.

        The messages never repeat the value.
        """
        try:
            if self._compiled.is_valid(value):
                return []
            if _is_large(value):
                self._compiled.validate(value)
            found = [_problem(error) for error in self._compiled.iter_errors(value)]
        except jsonschema_rs.ValidationError as first:
            found = [_problem(first)]
        except ValueError:
            found = [("", "should be plain JSON, its text without lone surrogates")]
        return list(dict.fromkeys(found))[:_MAX_PROBLEMS]


def compile_schema(schema: dict[str, Any]) -> Validator:
    """Compile a schema that `check_schema` let pass."""
    return Validator(
        jsonschema_rs.Draft202012Validator(
            schema,
            mask="the value",
            offline=True,
            registry=jsonschema_rs.Registry([]),
            validate_formats=True,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES),
        )
    )


def check_schema(schema: Any, at: str = "/schema") -> dict[str, Any]:
    """The schema itself, or `Invalid` naming every keyword that is wrong.

    A schema describes an object, refers only to its own `$defs`, never to itself, and uses
    keywords of draft 2020-12; a keyword that JSON Schema would ignore is taken for a slip.
    """
    errors = list(faults(schema, at)) or list(_compile_faults(schema, at))
    if not errors:
        return schema  # type: ignore[no-any-return]  # faults looked: it is a dict
    first = errors[0]
    raise Invalid(
        "schema.invalid", f"{first.field}: {first.problem}", errors=errors[:_MAX_PROBLEMS]
    )


def _compile_faults(schema: dict[str, Any], at: str) -> Iterator[FieldError]:
    metaschema = jsonschema_rs.Draft202012Validator({"$ref": DIALECT}, mask="this")
    found = list(metaschema.iter_errors(schema))
    if not found:
        try:
            compile_schema(schema)
        except jsonschema_rs.ValidationError as error:
            found = [error]
        except ValueError as error:
            yield FieldError(at, str(error))
    yield from (_schema_fault(error, at) for error in found)
    if schema.get("type") != "object":
        yield FieldError(f"{at}/type", "should be 'object': a schema describes an object's fields")
    if not schema.get("properties"):
        yield FieldError(f"{at}/properties", "should name at least one property")


def _schema_fault(error: jsonschema_rs.ValidationError, at: str) -> FieldError:
    place = list(error.instance_path)
    problem = error.message
    if place[-1:] == ["type"]:
        problem = f"should be {_TYPES}"
    elif error.kind.name == "format" and error.kind.value == "regex":
        problem = "should be a regular expression, short, without look-around or back-references"
    return FieldError(at + pointer(place), problem)


def _problem(error: jsonschema_rs.ValidationError) -> Problem:
    place = list(error.instance_path)
    match error.kind.name:
        case "required":
            return pointer([*place, error.kind.value]), "is required"
        case "additionalProperties" | "unevaluatedProperties":
            names = ", ".join(repr(name)[:80] for name in error.kind.value[:8])
            return pointer(place), f"should not hold {names}"
        case _:
            return pointer(place), error.message


def _is_large(value: Any) -> bool:
    stack, seen = [value], 0
    while stack and seen <= _EXPLAINED_NODES:
        seen += 1
        stack.extend(inside(stack.pop()))
    return seen > _EXPLAINED_NODES
