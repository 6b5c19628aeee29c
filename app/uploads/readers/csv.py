"""CSV in UTF-8 with a header, separated by commas. Each cell is text; blank lines do not count."""

import csv
from collections.abc import Iterator
from typing import IO, Any

from app.uploads.bad import bad
from app.uploads.lines import MAX_LINE, lines


class _Text:
    """Decoded lines for `csv.reader`, which takes as many as a quoted row has."""

    def __init__(self, file: IO[bytes]) -> None:
        self._lines = lines(file)
        self._row = 0
        self.number = 0

    def __iter__(self) -> "_Text":
        return self

    def __next__(self) -> str:
        self.number, line = next(self._lines)
        self._row += len(line)
        if self._row > MAX_LINE:
            raise bad(
                self.where, f"should end a row of more than {MAX_LINE} bytes: a quote is open"
            )
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise bad(
                self.where,
                f"is not UTF-8 at byte {error.start + 1}",
                line[:80].decode("utf-8", "replace"),
                hint="Save the file as 'CSV UTF-8'.",
            ) from None

    @property
    def where(self) -> str:
        return f"line {self.number}"

    def ended(self) -> None:
        self._row = 0


def read(file: IO[bytes]) -> Iterator[tuple[str, Any]]:
    text = _Text(file)
    header: list[str] | None = None
    for cells in _cells(text):
        if not cells:
            continue
        if header is None:
            header = _checked(cells, text.where)
        elif len(cells) != len(header):
            raise bad(
                text.where, f"has {len(cells)} cells; the header has {len(header)}", ",".join(cells)
            )
        else:
            yield text.where, dict(zip(header, cells, strict=True))


def _cells(text: _Text) -> Iterator[list[str]]:
    reader = csv.reader(text, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise bad(text.where, f"is not CSV: {error}") from None
        text.ended()
        yield cells


def _checked(header: list[str], where: str) -> list[str]:
    for number, name in enumerate(header):
        if not name.strip():
            raise bad(where, f"column {number + 1} of the header has no name")
        if name in header[:number]:
            raise bad(where, f"the header names {name!r} twice", name)
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise bad(where, "the header is one column; separate columns by commas", header[0])
    return header
