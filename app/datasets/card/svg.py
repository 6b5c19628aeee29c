"""Plots as SVG: a few kilobytes, equal bytes for equal numbers, nothing fetched from elsewhere.

A plot has its own ground, so that it can be read on any page; it turns dark with the reader's
screen. Colours stand as attributes too, for viewers that take no styles. A plotting library would
weigh 30 to 60 MB, and would write its own version into every file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH = 760
_MARGIN = 24
_FONT = "-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# By class: in the light, and in the dark.
_COLOURS = {
    "ground": ("#ffffff", "#0d1117"),
    "edge": ("#d1d9e0", "#3d444d"),
    "text": ("#1f2328", "#f0f6fc"),
    "muted": ("#59636e", "#9198a1"),
    "grid": ("#e6eaef", "#262c36"),
    "bar": ("#2f6fdb", "#4c8dff"),
    "second": ("#0f9d8a", "#2bb8a3"),
    "track": ("#eef1f5", "#1b2129"),
    "mark": ("#c2410c", "#fb8f44"),
}


@dataclass(slots=True)
class Canvas:
    """Marks on a ground that is as high as they need."""

    title: str
    subtitle: str = ""
    _marks: list[str] = field(default_factory=list)

    @property
    def top(self) -> float:
        """Where the first mark may be."""
        return 84 if self.subtitle else 62

    def text(
        self,
        x: float,
        y: float,
        words: str,
        colour: str = "text",
        *,
        size: float = 12,
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        weight = ' font-weight="600"' if bold else ""
        at = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._marks.append(
            f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}"{weight}{at} '
            f"{_fill(colour)}>{_said(words)}</text>"
        )

    def bar(
        self, x: float, y: float, width: float, height: float, colour: str, *, round_: float = 0
    ) -> None:
        corner = f' rx="{_n(round_)}"' if round_ else ""
        self._marks.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"{corner} '
            f"{_fill(colour)}/>"
        )

    def rule(self, x1: float, y1: float, x2: float, y2: float, colour: str, dash: str = "") -> None:
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._marks.append(
            f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" class="l-{colour}" '
            f'stroke="{_COLOURS[colour][0]}"{dashed}/>'
        )

    def drawn(self, height: float) -> str:
        ground, edge = _COLOURS["ground"][0], _COLOURS["edge"][0]
        tall = _n(height)
        size = f'width="{WIDTH}" height="{tall}" viewBox="0 0 {WIDTH} {tall}"'
        inner = f'width="{WIDTH - 1}" height="{_n(height - 1)}"'
        colours = f'class="ground l-edge" fill="{ground}" stroke="{edge}"'
        head = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{_FONT}">',
            f"<title>{_said(self.title)}</title>",
            f"<style>{_DARK}</style>",
            f'<rect x="0.5" y="0.5" {inner} rx="10" {colours}/>',
        ]
        titled = Canvas("")
        titled.text(_MARGIN, 36, self.title, size=16, bold=True)
        if self.subtitle:
            titled.text(_MARGIN, 57, self.subtitle, "muted", size=12.5)
        return "\n".join([*head, *titled._marks, *self._marks, "</svg>", ""])


def _dark() -> str:
    fills = "".join(f".{name}{{fill:{dark}}}" for name, (_, dark) in _COLOURS.items())
    lines = "".join(f".l-{name}{{stroke:{dark}}}" for name, (_, dark) in _COLOURS.items())
    return f"@media (prefers-color-scheme:dark){{{fills}{lines}}}"


_DARK = _dark()


def _fill(colour: str) -> str:
    return f'class="{colour}" fill="{_COLOURS[colour][0]}"'


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _said(words: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", words), quote=True)


def fitting(words: str, width: float, size: float = 12) -> str:
    """Cut to what about fits: no font's measures are known here."""
    room = width / size
    for place, letter in enumerate(words):
        # Ideographs are as wide as high, other letters about half of it.
        room -= 1.0 if ord(letter) > 0x2E80 else 0.56  # noqa: PLR2004
        if room < 0:
            return f"{words[: max(place - 1, 1)]}…"
    return words


def short(number: float) -> str:
    """As an axis has it: 1,234 or 57k."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if letter == 'k' else size):.3g}{letter}"
    return f"{number:,.0f}"


def bars(
    title: str, subtitle: str, groups: Sequence[tuple[str, Sequence[tuple[str, int, str]]]]
) -> str:
    """Bars that lie, in groups: a label, a number and a remark each. All are to one scale."""
    canvas = Canvas(title, subtitle)
    labels, right = 190.0, 150.0
    most = max((number for _, rows in groups for _, number, _ in rows), default=0) or 1
    room = WIDTH - 2 * _MARGIN - labels - right
    y = canvas.top
    for name, rows in groups:
        if name:
            canvas.text(_MARGIN, y + 12, fitting(name, 600, 13), size=13, bold=True)
            y += 24
        for label, number, remark in rows:
            canvas.text(_MARGIN, y + 14, fitting(label, labels - 14), size=12.5)
            x = _MARGIN + labels
            canvas.bar(x, y + 2, room, 16, "track", round_=3)
            if number:
                canvas.bar(x, y + 2, max(2, room * number / most), 16, "bar", round_=3)
            canvas.text(x + room + 12, y + 14, f"{number:,}", size=12.5, bold=True)
            canvas.text(WIDTH - _MARGIN, y + 14, remark, "muted", anchor="end")
            y += 26
        y += 12
    return canvas.drawn(y + 4)
