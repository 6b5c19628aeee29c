"""Drops texts that repeat themselves: whole lines, or runs of ten words."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from app.curation.fences import split
from app.curation.filter import TextFilter, filters
from app.curation.sample import Sample
from app.curation.verdict import Finding

Share = Annotated[float, Field(gt=0, le=1)]

_RUN = 10
_FEWEST_LINES = 4
_FEWEST_WORDS = 50
_CODE = frozenset("{}[]()<>;=_|\\&*#")
_CODE_SHARE = 0.06
"""Of the characters. Prose that was looked at stays below 0.02, code and tables are above 0.08."""


@filters.register("repetition")
class Repetition(TextFilter, frozen=True):
    """A text of the reply that says the same again and again, as small teachers do in a loop.

    On for every job. The thresholds are those of Gopher's rules for lines and for ten words in a
    row; of good replies (Alpaca) the two drop 0.19 % and 0.24 %, of 40 models' answers 1.0 % and
    1.5 %. Lines count from four on, words in prose of fifty or more. Code repeats itself by nature
    (3.3 % would be lost): fenced blocks are not looked at, nor is a text that is full of its signs.
    Gopher's rules for two to four words in a row are left out: they drop 42 to 45 % of Alpaca.
    Languages written without spaces are judged by lines only.
    """

    cost: ClassVar[int] = 50

    max_duplicate_lines: Share = 0.3
    """The share of lines that stood before in the same text, blank ones not counted."""
    max_duplicate_runs: Share = 0.1
    """The share of characters that lie in a run of ten words that stands elsewhere too."""

    def __call__(self, sample: Sample) -> Finding | None:
        for field, text in self.texts(sample):
            if finding := self._judge(field, text):
                return finding
        return None

    def _judge(self, field: str, text: str) -> Finding | None:
        prose, _ = split(text)
        by_lines = duplicate_lines(prose)
        if by_lines > self.max_duplicate_lines and not _is_code(prose):
            share = round(by_lines, 3)
            return self.found("lines", share, self.max_duplicate_lines, f"of the lines of {field}")
        by_runs = duplicate_runs(prose.split())
        if by_runs > self.max_duplicate_runs and not _is_code(prose):
            share = round(by_runs, 3)
            return self.found(
                "runs", share, self.max_duplicate_runs, f"of the characters of {field}"
            )
        return None


def duplicate_lines(text: str) -> float:
    """The share of lines that stood before."""
    if text.count("\n") < _FEWEST_LINES - 1:
        return 0.0
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    if len(lines) < _FEWEST_LINES:
        return 0.0
    return 1 - len(set(lines)) / len(lines)


def duplicate_runs(words: list[str]) -> float:
    """The share of characters in runs of ten words that stand elsewhere too."""
    if len(words) < _FEWEST_WORDS or not _may_repeat(words):
        return 0.0
    counts = Counter(words)
    # A word that stands once is in no repeated run: few places are left to look at, mostly none.
    marks = "".join(["x" if counts[word] > 1 else " " for word in words])
    runs = {place: tuple(words[place : place + _RUN]) for place in _places(marks)}
    seen = Counter(runs.values())
    if len(seen) == len(runs):
        return 0.0
    inside = bytearray(len(words))
    for place, run in runs.items():
        if seen[run] > 1:
            inside[place : place + _RUN] = b"\x01" * _RUN
    repeated = sum(len(word) for word, is_in in zip(words, inside, strict=True) if is_in)
    return repeated / sum(map(len, words))


def _may_repeat(words: list[str]) -> bool:
    """Whether so many threes stood before as one more run of ten has; they do in few good texts."""
    threes = {*zip(words, words[1:], words[2:], strict=False)}
    return len(words) - 2 - len(threes) >= _RUN - 2


def _places(marks: str) -> Iterator[int]:
    """Where ten marks in a row begin."""
    place = marks.find("x" * _RUN)
    while place >= 0:
        yield place
        place = marks.find("x" * _RUN, place + 1)


def _is_code(text: str) -> bool:
    return sum(map(text.count, _CODE)) > _CODE_SHARE * len(text)
