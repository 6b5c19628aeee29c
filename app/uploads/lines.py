"""Lines of a file whose writer is not trusted: numbered from 1, none of them endless."""

from collections.abc import Iterator
from typing import IO

from app.uploads.bad import bad

MAX_LINE = 1024 * 1024
"""Bytes of a line; a row may have a quarter of it, and JSON may escape each character."""


def lines(file: IO[bytes], unit: str = "line") -> Iterator[tuple[int, bytes]]:
    """Raises `Invalid` at a line longer than `MAX_LINE`, having read no more of it."""
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise bad(f"{unit} {number}", f"should have at most {MAX_LINE} bytes")
        yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
