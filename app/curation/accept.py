"""The `accept` key of a job: how replies are read and what drops them."""

from collections.abc import Collection
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from app.curation.filter import Filter, filters
from app.curation.filters import Echo, Empty, Refusal, Repetition, Secrets
from app.curation.judge import JudgeSpec
from app.curation.parser import Parser, parsers
from app.curation.parsers import Json, Tags, Text
from app.curation.response import Format
from app.errors import FieldError, Invalid
from app.names import Ref

_PARSER_OF: dict[Format, type[Parser]] = {"json": Json, "tags": Tags, "text": Text}


def _long_form(value: Any) -> Any:
    """`json` and `{json: {}}` are ways to write `{name: json}`."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict) and "name" not in value and len(value) == 1:
        name, parameters = next(iter(value.items()))
        if isinstance(parameters, dict) and "name" not in parameters:
            return {"name": name, **parameters}
    return value


ALWAYS: tuple[Filter, ...] = (Empty(), Refusal(), Secrets(), Echo(), Repetition())
"""Part of every job: together they drop less than one in a hundred of good replies."""

AnyParser = Annotated[Parser, parsers, BeforeValidator(_long_form)]
AnyFilter = Annotated[Filter, filters]


class AcceptSpec(BaseModel, frozen=True, extra="forbid"):
    """What comes before every filter cannot be turned off: a reply must have been finished by the
    teacher itself (`finish.*`), hold nothing that cannot be stored (`text.*`), and fit the
    template's response schema (`parse.*`).
    """

    parse: AnyParser | None = Field(default=None, examples=[{"name": "json"}, "tags"])
    """How a reply is read. By default as the template asks for it: json, tags or text."""
    filters: tuple[AnyFilter, ...] = Field(
        default=(),
        max_length=32,
        examples=[[{"name": "length", "field": "answer", "min_words": 5}]],
    )
    """Dropped, flagged or changed by rule, cheapest rule first. `empty`, `refusal`, `secrets`,
    `echo` and `repetition` are always among them; naming one of the five here replaces its
    parameters."""
    decontaminate: tuple[Ref, ...] | None = Field(default=None, examples=[["support/exam@1"]])
    """The evaluation sets of which no record may be a copy; by default all of the corpus's
    namespace, in their latest versions. An empty list turns it off."""
    judge: JudgeSpec | None = None
    """Who scores what passed all of that; nobody if it is not said."""

    @classmethod
    def default_for(cls, response_format: Format) -> "AcceptSpec":
        return cls().resolved(response_format)

    def resolved(self, response_format: Format) -> "AcceptSpec":
        """Everything written out: the parser, and each filter in the order in which it runs.

        Resolving what is resolved changes nothing.
        """
        named = {filter_.plugin_name for filter_ in self.filters}
        always = (each for each in ALWAYS if each.plugin_name not in named)
        return AcceptSpec(
            parse=self.parse or _PARSER_OF[response_format](),
            filters=tuple(sorted((*always, *self.filters), key=lambda each: each.cost)),
            decontaminate=self.decontaminate,
            judge=self.judge,
        )

    def check(self, fields: Collection[str], at: str = "/accept") -> None:
        """Refuses filters of fields that records will not have; `at` is where this stands."""
        errors = [
            FieldError(
                f"{at}/filters/{number}",
                f"no field is named {field!r}; known: {', '.join(sorted(fields))}",
                field,
            )
            for number, filter_ in enumerate(self.filters)
            for field in filter_.reads()
            if field not in fields
        ]
        if errors:
            raise Invalid(
                "request.invalid", f"{errors[0].field}: {errors[0].problem}", errors=errors
            )
