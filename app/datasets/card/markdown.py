"""Text of others in a Markdown page: it is shown as it is, and never becomes a part of the page."""

import re
from collections.abc import Iterable, Iterator, Sequence

_TICKS = re.compile(r"`+")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~&$])")
_OPENING = re.compile(r"^(\d{0,9})([#+=.)-])")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
# Line ends for one or another reader, and what shows nothing or turns the reading direction.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


def line(text: str, most: int = 300) -> str:
    """On one line, its Markdown and HTML taken at their word, shortened."""
    return _OPENING.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", _short(text, most)))


def code(text: str, most: int = 120) -> str:
    """As code within a line or a table's cell."""
    shown = _short(text, most).replace("|", "\\|")
    if not shown:
        return ""
    ticks = "`" * (_longest_ticks(shown) + 1)
    # A space apart from a tick of its own; readers take one off at both ends.
    padded = f" {shown} " if "`" in shown or shown != shown.strip() else shown
    return f"{ticks}{padded}{ticks}"


def fence(text: str, language: str = "") -> str:
    """As a block of code, whose fence is longer than any within it."""
    ticks = "`" * max(3, _longest_ticks(text) + 1)
    shown = "\n".join(_UNSEEN.sub(_plain, each) for each in text.splitlines())
    return f"{ticks}{language}\n{shown}\n{ticks}"


def quote(markdown: str) -> str:
    """Somebody's Markdown, held in a quotation: whatever it leaves open ends with it. It has no
    HTML, and no pictures, which would tell their host who reads the page.
    """
    lines = _TAG.sub("&lt;", markdown.strip()).replace("![", "!\\[").splitlines()
    return "\n".join(f"> {each}".rstrip() for each in lines)


def details(summary: str, *blocks: str) -> str:
    """Folded away until somebody asks; `summary` and `blocks` are Markdown of ours. The blank
    lines are what makes viewers read them as Markdown.
    """
    inside = "\n\n".join(blocks)
    return f"<details>\n<summary>{summary}</summary>\n\n{inside}\n\n</details>"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A heading that ends in `:` puts its column to the right, as numbers should be."""
    return "\n".join(_table(head, rows))


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(name.rstrip(':') for name in head)} |"
    yield f"| {' | '.join('---:' if name.endswith(':') else '---' for name in head)} |"
    for row in rows:
        yield f"| {' | '.join(str(cell) for cell in row)} |"


def _plain(found: re.Match[str]) -> str:
    """Tabs stay; the rest is shown by its number, as it might hide something."""
    return "".join(each if each == "\t" else f"\\u{ord(each):04x}" for each in found[0])


def _short(text: str, most: int) -> str:
    seen = " ".join(_UNSEEN.sub(" ", text[: 4 * most]).split())
    return seen if len(seen) <= most and len(text) <= 4 * most else f"{seen[: most - 1]}…"


def _longest_ticks(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)
