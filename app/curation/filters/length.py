"""Drops fields that are too short or too long."""

from typing import Annotated, Any, ClassVar, Self

import orjson
from pydantic import Field, model_validator

from app.curation.filter import Filter, filters, words
from app.curation.verdict import Record, Verdict

Count = Annotated[int, Field(ge=0, le=10_000_000)]


@filters.register("length")
class Length(Filter, frozen=True):
    """Words or characters of one field.

    There is no default bound, on purpose: Self-Instruct's 3 to 150 words suit generated
    instructions only, and 7 % of Alpaca's outputs have fewer than 3 words, mostly good answers.
    Count characters in languages written without spaces. A field that is not text is measured as
    JSON; one that is absent has length 0.
    """

    cost: ClassVar[int] = 20

    field: str
    """The field that is measured."""
    min_words: Count | None = None
    """At least so many words."""
    max_words: Count | None = None
    """At most so many words."""
    min_characters: Count | None = None
    """At least so many characters, without outer space."""
    max_characters: Count | None = None
    """At most so many characters, without outer space."""

    @model_validator(mode="after")
    def _bounds_make_sense(self) -> Self:
        pairs = {
            "words": (self.min_words, self.max_words),
            "characters": (self.min_characters, self.max_characters),
        }
        if all(bound is None for pair in pairs.values() for bound in pair):
            raise ValueError(
                "needs a bound: min_words, max_words, min_characters or max_characters"
            )
        for unit, (least, most) in pairs.items():
            if least is not None and most is not None and least > most:
                raise ValueError(f"min_{unit} should not be above max_{unit}")
        return self

    def __call__(self, record: Record) -> Verdict | None:
        text = _text(record.get(self.field)).strip()
        by_characters = (len(text), self.min_characters, self.max_characters, "characters")
        by_words = (words(text), self.min_words, self.max_words, "words")
        return self._judge(*by_characters) or self._judge(*by_words)

    def reads(self) -> tuple[str, ...]:
        return (self.field,)

    def _judge(self, seen: int, least: int | None, most: int | None, unit: str) -> Verdict | None:
        if least is not None and seen < least:
            return self.refused("too_short", seen, least, f"{unit} of {self.field}")
        if most is not None and seen > most:
            return self.refused("too_long", seen, most, f"{unit} of {self.field}")
        return None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()
