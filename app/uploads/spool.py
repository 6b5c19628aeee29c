"""Rows on their way into a version: checked one by one, and laid down in a file as JSON Lines."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from app.curation import text
from app.digest import canonical
from app.errors import Invalid, TooLarge
from app.uploads.bad import bad

MAX_COLUMNS = 256
MAX_NAME = 128
_SAID = {
    "text.nul": "holds the character NUL",
    "text.surrogate": "holds half of a surrogate pair",
    "text.not_finite": "holds a number that is not finite",
    "text.too_deep": f"nests more than {text.MAX_DEPTH} deep",
    "text.oversize": f"has more than {text.MAX_BYTES} bytes",
}


@dataclass(frozen=True, slots=True)
class Spool:
    """Everything that a version is made of, before the database hears of it."""

    file: IO[bytes]
    """One canonical JSON object on each line."""
    rows: int
    columns: tuple[str, ...]
    digest: bytes
    """The same rows in the same order have the same one, whatever format they came in."""

    def blocks(self, size: int) -> Iterator[list[bytes]]:
        """The lines again, without their ends, about `size` bytes at a time."""
        self.file.seek(0)
        while block := self.file.readlines(size):
            yield [line[:-1] for line in block]


def lay(rows: Iterable[tuple[str, Any]], file: IO[bytes], most: int) -> Spool:
    """Check and write down every row; raises `Invalid` at the first bad one, naming its place.

    `most` bounds the bytes written: what is sent may unpack to far more than it was.
    """
    columns: tuple[str, ...] = ()
    digest = hashlib.sha256()
    count = size = 0
    for where, row in rows:
        if count == 0:
            columns = _header(where, row)
        _check(where, row, columns)
        line = canonical(row) + b"\n"
        digest.update(line)
        file.write(line)
        count += 1
        size += len(line)
        if size > most:
            raise TooLarge(
                "upload.too_large", f"{where}: the rows have more than {most} bytes of JSON"
            )
    if count == 0:
        raise Invalid("upload.empty", "there is no row in what was sent")
    return Spool(file, count, columns, digest.digest())


def _header(where: str, row: Any) -> tuple[str, ...]:
    if not isinstance(row, dict):
        raise bad(where, "should be an object: a value for each column")
    if not 0 < len(row) <= MAX_COLUMNS:
        raise bad(where, f"should have 1 to {MAX_COLUMNS} columns; has {len(row)}")
    for name in row:
        if not name.strip() or len(name) > MAX_NAME:
            raise bad(where, f"should name each column in 1 to {MAX_NAME} characters", name)
    return tuple(row)


def _check(where: str, row: Any, columns: tuple[str, ...]) -> None:
    if not isinstance(row, dict):
        raise bad(where, "should be an object: a value for each column")
    if len(row) != len(columns) or any(name not in row for name in columns):
        raise bad(where, _difference(row, columns), hint="Write null where a row has no value.")
    if verdict := text.problem(row):
        raise bad(where, f"{_SAID[verdict.reason]} {verdict.detail or ''}".rstrip())


def _difference(row: dict[str, Any], columns: tuple[str, ...]) -> str:
    lacking = [name for name in columns if name not in row]
    if lacking:
        return f"lacks the column {lacking[0]!r} that the first row has"
    extra = text.for_display(next(name for name in row if name not in columns), MAX_NAME)
    return f"has the column {extra!r} that the first row lacks"
