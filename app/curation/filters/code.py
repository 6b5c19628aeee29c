"""Drops texts whose code does not parse."""

import ast
import warnings
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import orjson
from pydantic import Field

from app.curation.fences import split
from app.curation.filter import Filter, filters
from app.curation.sample import Sample
from app.curation.text import for_display
from app.curation.texts import texts
from app.curation.verdict import Finding

_TAGS = {
    "python": frozenset({"python", "py", "python3", "py3"}),
    "json": frozenset({"json"}),
}


@filters.register("code")
class Code(Filter, frozen=True):
    """Python or JSON in one field that does not parse. Nothing is ever run.

    Python is the syntax of the version that Limbeck runs on. In Markdown only blocks fenced with
    the language's name are read, and a field without one passes, unless it is `required`.
    """

    cost: ClassVar[int] = 70

    field: str
    """The field that holds the code."""
    language: Literal["python", "json"]
    """The language that it should parse as."""
    where: Literal["fences", "whole"] = "fences"
    """What is read: the blocks fenced with the language's name, or the whole of the field."""
    required: bool = False
    """Whether there must be such a block; else `filter.code.missing`."""
    max_characters: Annotated[int, Field(ge=1, le=100_000)] = 20_000
    """Of one piece of code; a longer one is `filter.code.too_long`. A parser takes up to 900 times
    the memory that its text has (measured, on `a;a;a;`)."""

    def __call__(self, sample: Sample) -> Finding | None:
        pieces = list(self._pieces(sample))
        if not pieces and self.required:
            return self.found("missing", 0, 1, f"{self.language} blocks in {self.field}")
        for piece in pieces:
            if len(piece) > self.max_characters:
                detail = f"characters of code in {self.field}"
                return self.found("too_long", len(piece), self.max_characters, detail)
            if (problem := _PROBLEM[self.language](piece)) is not None:
                line, message = problem
                detail = for_display(f"{self.field}: {message}")
                return self.found("invalid", line, None, detail)
        return None

    def reads(self) -> tuple[str, ...]:
        return (self.field,)

    def _pieces(self, sample: Sample) -> Iterator[str]:
        for text in texts(sample.record.get(self.field)):
            if self.where == "whole":
                yield text
            else:
                yield from (b.code for b in split(text)[1] if b.language in _TAGS[self.language])


def _python_problem(code: str) -> tuple[int | None, str] | None:
    """The line and the message; whatever the code is, it neither raises nor takes long."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that will be errors one day
            ast.parse(code)
    except SyntaxError as error:
        return error.lineno, error.msg
    except (RecursionError, MemoryError):
        return None, "nested too deep to be parsed"
    except ValueError as error:
        return None, str(error)
    return None


def _json_problem(code: str) -> tuple[int | None, str] | None:
    try:
        orjson.loads(code)
    except orjson.JSONDecodeError as error:
        return error.lineno, error.msg
    return None


_PROBLEM = {"python": _python_problem, "json": _json_problem}
