"""Prompts that were rendered lately. A job over a matrix asks the same ones again and again; to
render one in a process of its own takes some 20 µs, to look it up less than one (measured).
"""

from collections.abc import Sequence
from typing import Any

import orjson

from app.prompts.prompt import Prompt

_MOST = 10_240
"""Prompts: as many as a matrix may have cells that are counted one by one, and some."""
_LONGEST = 1_000
"""Characters of a row's own turn, and bytes of the row: with `_MOST` of them some 25 MiB."""

Row = dict[str, Any]


class Known:
    """By template, examples and row. Rendering is pure: nothing here is ever out of date."""

    def __init__(self) -> None:
        self._prompts: dict[tuple[str, bytes], dict[bytes, Prompt]] = {}
        self._count = 0

    def find(self, source: str, examples: bytes, rows: Sequence[Row]) -> list[Prompt | None]:
        """The prompt of each row that is known."""
        prompts = self._prompts.get((source, examples))
        if prompts is None:
            return [None] * len(rows)
        return [None if (key := _key(row)) is None else prompts.get(key) for row in rows]

    def remember(
        self, source: str, examples: bytes, rows: Sequence[Row], prompts: Sequence[object]
    ) -> None:
        """Those that are prompts, and short."""
        if self._count + len(rows) > _MOST:
            self._prompts.clear()
            self._count = 0
        known = self._prompts.setdefault((source, examples), {})
        before = len(known)
        for row, prompt in zip(rows, prompts, strict=True):
            if isinstance(prompt, Prompt) and len(prompt.messages[-1].content) <= _LONGEST:
                key = _key(row)
                if key is not None:
                    known[key] = prompt
        self._count += len(known) - before


def _key(row: Row) -> bytes | None:
    """The row to the letter, its order included: a template may go through an object's members."""
    try:
        key = orjson.dumps(row)
    except TypeError:  # a lone surrogate, say, which is refused when it is rendered
        return None
    return key if len(key) <= _LONGEST else None
