"""What Postgres cannot hold, found before it is asked to; and one spelling for equal texts.

NUL, lone surrogates, NaN and 50,000 open brackets are refused by Postgres; a reply of 50 MB is
refused by us. Each is a verdict here, so that none of them can fail the chunk it came in.
"""

import math
import unicodedata
from functools import lru_cache
from typing import Any

from app.curation.verdict import Verdict

MAX_BYTES = 256 * 1024
"""Of one record, its texts as UTF-8: about 60,000 tokens, more than teachers write in one reply."""

MAX_REPLY = 4 * MAX_BYTES
"""Characters of one reply, looked at before it is parsed: escapes and prose may surround a record,
and a parser's work stays bounded."""

MAX_DEPTH = 64
"""Objects and lists within each other. Postgres refuses somewhat under 50,000, parsers at 1,000;
a record that a trainer can use has fewer than ten."""

_SPACES = "\n\t\u00a0\u3000"
"""Not printable by Python's word, yet fit to be shown."""

_OTHER_SPACES = "\t\v\f\r\x1c\x1d\x1e\x1f"
"""What Python takes for a space in ASCII, but for the space itself and line breaks."""

_REMEMBERED = 8_192
_REMEMBERED_LENGTH = 4_096
"""Canonical texts, of a batch of samples: a filter, the digest and the signature ask for the same
ones. Longer texts are rare, and would fill the memory."""

_Path = tuple["_Path", str | int] | None


def reply_problem(content: str) -> Verdict | None:
    """Refuses a reply too long to be worth reading; looks no further."""
    if len(content) <= MAX_REPLY:
        return None
    return Verdict("text.oversize", len(content), MAX_REPLY, "characters of the whole reply")


def problem(
    value: Any, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
) -> Verdict | None:
    """The first reason why this JSON value cannot be stored, or nothing.

    Works on any value a JSON parser returns, however deep: it never recurses.
    """
    if isinstance(value, dict) and _is_plain(value, max_bytes) and max_depth > 0:
        return None
    size = 0
    waiting: list[tuple[Any, _Path, int]] = [(value, None, 0)]
    while waiting:
        item, path, depth = waiting.pop()
        if depth > max_depth:
            return Verdict("text.too_deep", depth, max_depth)
        weight = _weight(item, path)
        if isinstance(weight, Verdict):
            return weight
        size += weight
        if size > max_bytes:
            return Verdict("text.oversize", size, max_bytes, "bytes, or more, of the whole record")
        if isinstance(item, dict):
            waiting += [(child, (path, key), depth + 1) for key, child in item.items()]
        elif isinstance(item, list | tuple):
            waiting += [(child, (path, at), depth + 1) for at, child in enumerate(item)]
    return None


def _is_plain(record: dict[Any, Any], max_bytes: int) -> bool:
    """Whether a record is what most are: short texts in ASCII by name."""
    size = 1
    for name, text in record.items():
        if type(text) is not str or not text.isascii() or "\x00" in text:
            return False
        if not name.isascii() or "\x00" in name:
            return False
        size += len(name) + len(text) + 4
    return size <= max_bytes


def canonical_text(text: str) -> str:
    """The same for texts that differ in case, spacing or Unicode spelling only."""
    return _canonical(text) if len(text) <= _REMEMBERED_LENGTH else _canonical.__wrapped__(text)


@lru_cache(maxsize=_REMEMBERED)
def _canonical(text: str) -> str:
    return _spaced(text.lower() if text.isascii() else _folded(text))


def _spaced(text: str) -> str:
    """With one space between words. Most texts have no other space than line breaks: to look for
    these takes half of cutting the text into words and putting them together again.
    """
    if not text.isascii():
        return " ".join(text.split())
    for space in _OTHER_SPACES:
        if space in text:
            return " ".join(text.split())
    line = text.replace("\n", " ")
    while "  " in line:
        line = line.replace("  ", " ")
    return line.strip(" ")


def for_display(text: str, limit: int = 300) -> str:
    """Any text, shortened and made fit for a terminal, a page, a log line or a column.

    What cannot be stored, or would act on the reader's screen (controls, direction marks), is
    written as its code point.
    """
    head = text[:limit]
    if not head.isprintable():
        head = "".join(c if c.isprintable() or c in _SPACES else _escaped(c) for c in head)
    return head if len(text) <= limit else f"{head}… ({len(text):,} characters)"


def _weight(item: Any, path: _Path) -> int | Verdict:
    """Bytes of the item itself, without what it contains; never more than its JSON has."""
    if isinstance(item, str):
        return _length(item, path)
    if isinstance(item, dict):
        total = 1
        for key in item:
            length = _length(key, (path, key))
            if isinstance(length, Verdict):
                return length
            total += length
        return total
    if isinstance(item, float) and not math.isfinite(item):
        return Verdict("text.not_finite", str(item), None, _where(path))
    return 1 + (item.bit_length() >> 2 if isinstance(item, int) else 0)


def _length(text: str, path: _Path) -> int | Verdict:
    if "\x00" in text:
        return Verdict("text.nul", None, None, _where(path))
    if text.isascii():
        return len(text) + 2
    try:
        return len(text.encode()) + 2
    except UnicodeEncodeError as error:
        return Verdict("text.surrogate", f"{ord(text[error.start]):#x}", None, _where(path))


def _where(path: _Path) -> str:
    keys: list[str] = []
    while path is not None:
        path, key = path
        keys.append(str(key).replace("~", "~0").replace("/", "~1"))
    return for_display("in /" + "/".join(reversed(keys)))


def _folded(text: str) -> str:
    # Folding case can leave a text that is no longer NFKC, and NFKC can bring back capitals.
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return once if once.isascii() else unicodedata.normalize("NFKC", once.casefold())


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004
