"""Drops records in which a field does not fit a schema of its own."""

from functools import cached_property
from typing import Annotated, Any, ClassVar

import orjson
from pydantic import AfterValidator, Field

from app.curation.filter import Filter, filters
from app.curation.sample import Sample
from app.curation.text import for_display
from app.curation.verdict import Finding
from app.errors import Invalid
from app.prompts.json_schema import Validator, check_schema, compile_schema


def _about_a_field(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object whose one property has this schema."""
    inner = {key: part for key, part in schema.items() if key != "$defs"}
    definitions = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    properties = {"value": inner}
    return {"type": "object", "properties": properties, "required": ["value"], **definitions}


def _sound(schema: dict[str, Any]) -> dict[str, Any]:
    try:
        check_schema(_about_a_field(schema), "")
    except Invalid as wrong:
        said = (f"{e.field.replace('/properties/value', '')}: {e.problem}" for e in wrong.errors)
        raise ValueError("; ".join(list(said)[:5])) from wrong
    return schema


@filters.register("json_schema")
class JsonSchema(Filter, frozen=True):
    """One field against a JSON Schema (draft 2020-12): its value, or the JSON that its text is.

    For what a template's response schema cannot say, because the field is a text there: the
    arguments of a call, a configuration, a row of data. A template's own response schema is always
    checked, without this.
    """

    cost: ClassVar[int] = 55

    field: str
    """The field that is checked."""
    fits: Annotated[dict[str, Any], AfterValidator(_sound)] = Field(
        examples=[{"type": "object", "required": ["name"]}]
    )
    """The schema; it may refer to its own `$defs`."""
    as_text: bool = True
    """A text is read as JSON first; else it is the text itself that has to fit."""

    def __call__(self, sample: Sample) -> Finding | None:
        value = sample.record.get(self.field)
        if isinstance(value, str) and self.as_text:
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError as error:
                return self.found("invalid", None, None, for_display(f"{self.field}: {error}"))
        if self._validator.is_valid({"value": value}):
            return None
        pointer, problem = self._validator.problems({"value": value})[0]
        place = pointer.removeprefix("/value")
        detail = for_display(f"{self.field}: {problem}")
        return self.found("misfit", for_display(place, 120), None, detail)

    def reads(self) -> tuple[str, ...]:
        return (self.field,)

    @cached_property
    def _validator(self) -> Validator:
        return compile_schema(_about_a_field(self.fits))
