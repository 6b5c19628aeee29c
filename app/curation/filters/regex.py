"""Drops texts that match a pattern, or that match none."""

from functools import lru_cache
from typing import Annotated, Any, ClassVar, Self

import re2
from pydantic import AfterValidator, Field, model_validator

from app.curation.filter import Filter, filters
from app.curation.sample import Sample
from app.curation.text import for_display
from app.curation.texts import texts
from app.curation.verdict import Finding

_LARGEST = 2_500
"""Instructions of a compiled pattern. Time is at most their number times the text's length: a text
of the largest size there is, 256 KiB, took a pattern of 2,700 six seconds at its worst, one of
20,000 in little memory 219. A pattern of 2,000 plain characters has 2,100."""


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    compiled = re2.compile(pattern, options)
    if compiled.programsize > _LARGEST:
        raise re2.error("it is too large, with its repetitions written out")
    return compiled


def _pattern(pattern: str) -> str:
    try:
        _compiled(pattern)
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0] if isinstance(error, re2.error) and error.args else error
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ValueError(
            f"should be a regular expression of RE2's, which has no look-around and no"
            f" back-references: {for_display(why, 120)}"
        ) from None
    return pattern


Pattern = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_pattern)]


@filters.register("regex")
class Regex(Filter, frozen=True):
    """One field against regular expressions, found anywhere in it unless they are anchored.

    The syntax is RE2's: without look-around and back-references, and in return no pattern's time
    grows faster than the text. `(?i)` in front ignores case, `(?s)` lets the dot match line breaks.
    The texts inside a list or object are taken together, one to a line; a field that is absent is
    an empty text.
    """

    cost: ClassVar[int] = 45

    field: str
    """The field that is searched."""
    must_match: Pattern | None = Field(default=None, examples=["^[A-Z]"])
    """It has to be found; else `filter.regex.unmatched`."""
    must_not_match: Pattern | None = Field(default=None, examples=["(?i)lorem ipsum"])
    """It must not be found; else `filter.regex.matched`."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.must_match is None and self.must_not_match is None:
            raise ValueError("needs a pattern: must_match or must_not_match")
        return self

    def __call__(self, sample: Sample) -> Finding | None:
        text = "\n".join(texts(sample.record.get(self.field)))
        if self.must_match is not None and _compiled(self.must_match).search(text) is None:
            return self.found("unmatched", None, self.must_match, self.field)
        if self.must_not_match is not None:
            match = _compiled(self.must_not_match).search(text)
            if match is not None:
                shown = for_display(match[0], 100)
                return self.found("matched", shown, self.must_not_match, self.field)
        return None

    def reads(self) -> tuple[str, ...]:
        return (self.field,)
