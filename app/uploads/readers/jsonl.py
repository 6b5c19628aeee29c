"""JSON Lines: an object on each line; blank lines are passed over."""

from collections.abc import Iterator
from typing import IO, Any

import orjson

from app.uploads.bad import bad
from app.uploads.lines import lines


def read(file: IO[bytes]) -> Iterator[tuple[str, Any]]:
    for number, line in lines(file):
        if not line.isspace():
            yield f"line {number}", parse(f"line {number}", line)


def parse(where: str, line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise bad(
            where,
            f"is not JSON: {error.msg} at character {error.pos + 1}",
            line[:80].decode("utf-8", "replace"),
            hint="One JSON object on each line, in UTF-8: no NaN, no lone surrogates.",
        ) from None
