"""Texts as words: how a record and an evaluation item are made comparable."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.curation.text import canonical_text, for_display

BREAK = "\0"
"""Between two texts: a word that no text has, so that no run of words goes on across it."""

_SPACED = str.maketrans({chr(n): " " for n in range(128) if not chr(n).isalnum()})
_TYPOGRAPHY = re.compile("[‘’“”–—…•«» ]")  # noqa: RUF001
_ALONE = re.compile("([\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af])")
"""Kana and ideographs."""


@cache
def _between() -> re.Pattern[str]:
    """What stands between words: neither a letter nor a digit, nor a mark upon one of them.

    Marks beyond the first plane, which living languages hardly need, would make it 20 times slower.
    """
    marks = "".join(filter(lambda c: unicodedata.category(c)[0] == "M", map(chr, range(0x10000))))
    return re.compile(rf"(?:[^\w{marks}]|_)+")


@dataclass(frozen=True, slots=True)
class Passage:
    """One text of one item of an evaluation set."""

    item: int
    """From 0."""
    field: str
    """Where in the item: `question`, `choices/2`."""
    text: str

    @property
    def place(self) -> str:
        return f"item {self.item}, {for_display(self.field, 80)}"


def words(text: str) -> list[str]:
    """Runs of letters and digits, whatever their case, width and Unicode spelling. Where a script
    is written without spaces, each Chinese or Japanese character is a word.
    """
    if not text.isascii():
        text = _TYPOGRAPHY.sub(" ", text)
        if not text.isascii():
            spaced = _between().sub(" ", canonical_text(text))
            return _ALONE.sub(r" \1 ", spaced).split()
    return text.lower().translate(_SPACED).split()


def passages(item: int, fields: dict[str, Any]) -> Iterator[Passage]:
    """Every text of an item, with its place."""
    waiting: list[tuple[str, Any]] = list(reversed(fields.items()))
    while waiting:
        at, value = waiting.pop()
        if isinstance(value, str):
            yield Passage(item, at, value)
        elif isinstance(value, dict):
            waiting += [(f"{at}/{key}", child) for key, child in reversed(value.items())]
        elif isinstance(value, list | tuple):
            waiting += [(f"{at}/{n}", child) for n, child in reversed(list(enumerate(value)))]
