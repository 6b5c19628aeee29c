"""Drops fields that are too short or too long."""

from math import ceil
from typing import Annotated, Any, ClassVar, Self

import orjson
from pydantic import Field, model_validator

from app.curation.filter import Filter, filters, words
from app.curation.sample import Sample
from app.curation.verdict import Finding
from app.teachers.completion import Completion

Count = Annotated[int, Field(ge=0, le=10_000_000)]

_BYTES_PER_TOKEN = 4
"""Where a teacher did not count: OpenAI's rule of thumb for English. Other scripts have fewer
tokens to a byte, so that the estimate errs upwards there."""


@filters.register("length")
class Length(Filter, frozen=True):
    """Words, characters or tokens of one field.

    There is no default bound, on purpose: Self-Instruct's 3 to 150 words suit generated
    instructions only, and 7 % of Alpaca's outputs have fewer than 3 words, mostly good answers.
    Count characters in languages written without spaces. A field that is not text is measured as
    JSON; one that is absent has length 0.

    Tokens are the field's share, by bytes, of the tokens that the teacher counted for the whole
    reply, its reasoning included in both; where it counted none, one for every 4 bytes.
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
    min_tokens: Count | None = None
    """At least so many tokens, about."""
    max_tokens: Count | None = None
    """At most so many tokens, about."""

    @model_validator(mode="after")
    def _bounds_make_sense(self) -> Self:
        pairs = {
            "words": (self.min_words, self.max_words),
            "characters": (self.min_characters, self.max_characters),
            "tokens": (self.min_tokens, self.max_tokens),
        }
        if all(bound is None for pair in pairs.values() for bound in pair):
            names = [f"{end}_{unit}" for unit in pairs for end in ("min", "max")]
            raise ValueError(f"needs a bound: {', '.join(names[:-1])} or {names[-1]}")
        for unit, (least, most) in pairs.items():
            if least is not None and most is not None and least > most:
                raise ValueError(f"min_{unit} should not be above max_{unit}")
        return self

    def __call__(self, sample: Sample) -> Finding | None:
        text = _text(sample.record.get(self.field)).strip()
        by_characters = (len(text), self.min_characters, self.max_characters, "characters")
        by_words = (words(text), self.min_words, self.max_words, "words")
        finding = self._judge(*by_characters) or self._judge(*by_words)
        if finding is None and (self.min_tokens is not None or self.max_tokens is not None):
            seen = tokens(text, sample.completion)
            finding = self._judge(seen, self.min_tokens, self.max_tokens, "tokens")
        return finding

    def reads(self) -> tuple[str, ...]:
        return (self.field,)

    def _judge(self, seen: int, least: int | None, most: int | None, unit: str) -> Finding | None:
        if least is not None and seen < least:
            return self.found("too_short", seen, least, f"{unit} of {self.field}")
        if most is not None and seen > most:
            return self.found("too_long", seen, most, f"{unit} of {self.field}")
        return None


def tokens(text: str, completion: Completion | None) -> int:
    """About how many tokens a text of this reply has."""
    size = len(text.encode())
    counted = completion.completion_tokens if completion is not None else 0
    if completion is None or not counted:
        return ceil(size / _BYTES_PER_TOKEN)
    whole = completion.content + (completion.reasoning or "")
    return ceil(counted * size / max(size, len(whole.encode("utf-8", "surrogatepass"))))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()
