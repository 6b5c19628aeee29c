"""Which part of a file a request asks for (RFC 9110, section 14)."""

import re
from dataclasses import dataclass

_ONE = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    start: int
    stop: int
    """The first byte that is not asked for."""


class Unsatisfiable(ValueError):
    """The range begins behind the end."""


def part_of(size: int, asked: str | None, if_range: str | None, etag: str) -> Part | None:
    """The part to send, or nothing for the whole: no range, several, one that cannot be read, or
    one that was meant for other bytes than these.
    """
    found = _ONE.fullmatch(asked or "")
    if found is None or (if_range is not None and if_range.strip() != etag):
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        if int(last) == 0 or size == 0:
            raise Unsatisfiable
        return Part(max(0, size - int(last)), size)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return Part(start, min(int(last) + 1, size) if last else size)


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller has these bytes already."""
    if if_none_match is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or etag in tags
