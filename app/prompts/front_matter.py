"""The head of a template: what it is for, what it takes, what it asks for."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, Field, ValidationError

from app.errors import FieldError, Invalid
from app.prompts.json_schema import check_schema, compile_schema
from app.prompts.plain_yaml import PlainYamlError, read
from app.prompts.schema_rules import pointer

Format = Literal["json", "tags", "text"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_NAME_RULE = "a name is letters, digits and '_', beginning with a letter, at most 63"
_RESERVED = frozenset(
    {
        "and", "caller", "else", "false", "if", "in", "is", "kwargs", "loop", "none", "not", "or",
        "response", "self", "super", "true", "varargs",
    }
)  # fmt: skip
_SCALARS = frozenset({"string", "integer", "number", "boolean"})


class Response(BaseModel, frozen=True, extra="forbid"):
    format: Format = "json"
    """How the teacher writes its answer."""
    schema_: dict[str, Any] = Field(alias="schema")
    """What the answer holds: a JSON Schema of an object."""


class Sampling(BaseModel, frozen=True, extra="forbid"):
    """Defaults that go with the prompt; a job's own sampling goes over them."""

    temperature: float | None = Field(default=None, ge=0, le=5)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0, le=1_000_000)
    min_p: float | None = Field(default=None, ge=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    repetition_penalty: float | None = Field(default=None, gt=0, le=10)
    stop: list[Annotated[str, Field(min_length=1, max_length=64)]] | None = Field(
        default=None, max_length=4
    )


class FrontMatter(BaseModel, frozen=True, extra="forbid"):
    description: str = Field(min_length=1, max_length=2_000)
    inputs: dict[str, dict[str, Any]] = Field(min_length=1, max_length=64)
    """A JSON Schema for each input; one with a `default` may be left out of a row."""
    response: Response
    dedup: list[str] = Field(default=[], max_length=64)
    """Fields of the record that must not be there twice; by default all of them."""
    sampling: Sampling = Sampling()

    @property
    def input_schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": self.inputs,
            "required": [name for name, schema in self.inputs.items() if "default" not in schema],
            "additionalProperties": False,
        }

    @property
    def response_schema(self) -> dict[str, Any]:
        """Closed, and every property required, where the author did not say otherwise."""
        schema = {"type": "object", **self.response.schema_}
        schema.setdefault("required", list(schema.get("properties") or {}))
        schema.setdefault("additionalProperties", False)
        return schema


def parse(text: str, first_line: int) -> FrontMatter:
    """Read and check the head. Raises `Invalid` naming every key that is wrong."""
    try:
        value = read(text)
    except PlainYamlError as error:
        line = error.line + first_line - 1
        _refuse([FieldError("/source", f"line {line}: {error.problem}")])
    if not isinstance(value, dict):
        _refuse([FieldError("/source", "the front matter should be keys with values")])
    try:
        head = FrontMatter.model_validate(value, strict=True)
    except ValidationError as error:
        _refuse([FieldError(f"/source{pointer(e['loc'])}", e["msg"]) for e in error.errors()])
    if errors := list(_faults(head)):
        _refuse(errors)
    return head


def _refuse(errors: list[FieldError]) -> NoReturn:
    first = errors[0]
    raise Invalid("template.invalid", f"{first.field}: {first.problem}", errors=errors)


def _faults(head: FrontMatter) -> Iterator[FieldError]:
    yield from _name_faults(head.inputs, "/source/inputs", _RESERVED)
    yield from _schema_faults(head.input_schema, "/source/inputs")
    outputs = head.response_schema.get("properties")
    at = "/source/response/schema"
    yield from _schema_faults(head.response_schema, at)
    if not isinstance(outputs, dict):
        return
    yield from _name_faults(outputs, f"{at}/properties")
    for name in outputs:
        if name in head.inputs:
            problem = "an input has this name; a record holds both, so give it another"
            yield FieldError(f"{at}/properties{pointer([name])}", problem)
    yield from _format_faults(head.response.format, outputs, f"{at}/properties")
    yield from _default_faults(head.inputs)
    known = [*head.inputs, *outputs]
    for place, name in enumerate(head.dedup):
        if name not in known or name in head.dedup[:place]:
            problem = f"should be a field of the record, once; known: {', '.join(known)}"
            yield FieldError(f"/source/dedup/{place}", problem, name)


def _name_faults(
    names: dict[str, Any], at: str, taken: frozenset[str] = frozenset()
) -> Iterator[FieldError]:
    """`taken` are the words of expressions: inputs are variables there, outputs are not."""
    for name in names:
        if name in taken:
            yield FieldError(f"{at}{pointer([name])}", "this name is taken; give it another")
        elif not _NAME.fullmatch(name):
            yield FieldError(f"{at}{pointer([name])}", _NAME_RULE)


def _schema_faults(schema: dict[str, Any], at: str) -> Iterator[FieldError]:
    try:
        check_schema(schema, at)
    except Invalid as error:
        for fault in error.errors:
            field = fault.field
            if at == "/source/inputs":
                field = field.replace(f"{at}/properties", at, 1)
            yield FieldError(field, fault.problem, fault.value)


def _format_faults(chosen: Format, outputs: dict[str, Any], at: str) -> Iterator[FieldError]:
    if chosen == "text":
        kinds = [kind.get("type") for kind in outputs.values() if isinstance(kind, dict)]
        if kinds != ["string"]:
            yield FieldError(at, "format text takes exactly one property, of type string")
    if chosen == "tags":
        for name, kind in outputs.items():
            if not isinstance(kind, dict) or kind.get("type") not in _SCALARS:
                problem = f"format tags takes properties of type {', '.join(sorted(_SCALARS))}"
                yield FieldError(f"{at}{pointer([name])}/type", problem)


def _default_faults(inputs: dict[str, dict[str, Any]]) -> Iterator[FieldError]:
    for name, schema in inputs.items():
        if "default" not in schema:
            continue
        one = {"type": "object", "properties": {name: schema}}
        try:
            found = compile_schema(one).problems({name: schema["default"]})
        except ValueError:
            return  # the schema itself is wrong, and was named
        for _, problem in found[:1]:
            yield FieldError(f"/source/inputs{pointer([name])}/default", problem)
