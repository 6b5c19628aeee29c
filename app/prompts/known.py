"""Prompts that were rendered lately. A job over a matrix asks the same ones again and again; to
render one in a process of its own takes some 20 µs, to look it up less than one (measured).
"""

from collections.abc import Sequence
from typing import Any

import orjson

from app.prompts.prompt import Prompt

_MOST = 16 * 2**20
"""Bytes, about: of texts, and `_EACH` for the objects that make a prompt. Some 30,000 short ones:
more than a matrix may have cells that are counted one by one."""
_EACH = 500
_LONGEST = 1_000
"""Bytes of a row; longer ones hardly come again."""

Row = dict[str, Any]


class Known:
    """By template, examples and row. Rendering is pure: nothing here is ever out of date."""

    def __init__(self) -> None:
        self._prompts: dict[tuple[str, bytes], dict[bytes, Prompt]] = {}
        self._left = _MOST

    def find(self, source: str, examples: bytes, rows: Sequence[Row]) -> list[Prompt | None]:
        """The prompt of each row that is known."""
        prompts = self._prompts.get((source, examples))
        if prompts is None:
            return [None] * len(rows)
        return [None if (key := _key(row)) is None else prompts.get(key) for row in rows]

    def remember(
        self, source: str, examples: bytes, rows: Sequence[Row], prompts: Sequence[object]
    ) -> None:
        """Those that are prompts, as far as there is room; where there was none left, they take the
        place of all others.
        """
        if self._left < 0:
            self._prompts.clear()
            self._left = _MOST
        known = self._prompts.setdefault((source, examples), {})
        counted: set[int] = set()
        """Turns that several prompts share are kept once."""
        for row, prompt in zip(rows, prompts, strict=True):
            if not isinstance(prompt, Prompt) or (key := _key(row)) is None:
                continue
            self._left -= _EACH
            for turn in prompt.messages:
                if id(turn) not in counted:
                    counted.add(id(turn))
                    self._left -= len(turn.content)
            if self._left < 0:
                return
            known[key] = prompt


def _key(row: Row) -> bytes | None:
    """The row to the letter, its order included: a template may go through an object's members."""
    try:
        key = orjson.dumps(row)
    except TypeError:  # a lone surrogate, say, which is refused when it is rendered
        return None
    return key if len(key) <= _LONGEST else None
