"""How far somebody has followed a job: the id of a message."""

import re
from dataclasses import dataclass

from app.errors import Invalid

_SHAPE = re.compile(r"(0|[1-9][0-9]{0,17})-(-1|0|[1-9][0-9]{0,17})")
HEADER = "last-event-id"


@dataclass(frozen=True, slots=True)
class Mark:
    number: int
    """Of the last event."""
    ended: int
    """How many samples had ended when progress was last told; -1 where it never was."""

    def __str__(self) -> str:
        return f"{self.number}-{self.ended}"


BEGINNING = Mark(0, -1)


def read_mark(written: str | None) -> Mark:
    """That of a `Last-Event-ID` header, or the beginning. Raises `Invalid` for any other text."""
    if not written:
        return BEGINNING
    found = _SHAPE.fullmatch(written)
    if found is None:
        raise Invalid.at(f"header.{HEADER}", "should be the id of an event, as it came", written)
    return Mark(int(found[1]), int(found[2]))
