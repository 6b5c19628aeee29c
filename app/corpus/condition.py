"""A condition on one field of a record: in SQL, whatever kind of value the field holds."""

from typing import Annotated, Self

import orjson
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement, Numeric, case, cast, func, literal
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute

from app.curation.text import problem


def _storable(value: str) -> str:
    wrong = problem(value)
    if wrong is not None:
        raise PydanticCustomError(
            "text", "should be what a record can hold: {reason}", {"reason": wrong.reason}
        )
    return value


FieldName = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(_storable)
]
_Text = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_storable)]
_Integer = Annotated[int, Field(ge=-(2**63), lt=2**63)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
Value = bool | _Integer | _Number | _Text | None
"""A JSON value without parts."""


class Condition(
    BaseModel, frozen=True, extra="forbid", json_schema_extra={"examples": [{"min": 4}]}
):
    """What is said must hold, all of it; a field that is absent is null."""

    min: _Number | None = None
    """A number, and at least this."""
    max: _Number | None = None
    """A number, and at most this."""
    one_of: tuple[Value, ...] | None = Field(
        default=None, min_length=1, max_length=1000, examples=[["easy", "hard"]]
    )
    """Equal to one of these."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.min is None and self.max is None and self.one_of is None:
            raise PydanticCustomError("condition", "should have min, max or one_of")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise PydanticCustomError("condition", "should not have min above max")
        return self


def fits(
    fields: InstrumentedAttribute[dict[str, object]], name: str, condition: Condition
) -> list[ColumnElement[bool]]:
    """The condition over a column of fields."""
    value = cast(fields, JSONB).op("->", return_type=JSONB)(literal(name))
    made: list[ColumnElement[bool]] = []
    if condition.min is not None or condition.max is not None:
        # A cast of another kind of value would fail, and conditions have no order.
        number = case((func.jsonb_typeof(value) == "number", cast(value, Numeric)))
        if condition.min is not None:
            made.append(number >= cast(literal(condition.min), Numeric))
        if condition.max is not None:
            made.append(number <= cast(literal(condition.max), Numeric))
    if condition.one_of is not None:
        null = cast(literal("null"), JSONB)
        wanted = [cast(literal(orjson.dumps(each).decode()), JSONB) for each in condition.one_of]
        made.append(func.coalesce(value, null).in_(wanted))
    return made
