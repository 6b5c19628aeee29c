"""Histograms side by side: lengths on a logarithmic axis, similarities on a straight one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log10

from app.datasets.card.svg import WIDTH, Canvas, fitting, short

_MARGIN, _GAP = 24, 32
_TALL, _AXIS, _HEAD, _LEFT = 120, 26, 56, 38


@dataclass(frozen=True, slots=True)
class Panel:
    name: str
    remark: str
    bins: Sequence[tuple[float, float, int]]
    """Where each begins and ends, and how many are in it; in their order, empty ones left out."""
    mark: float | None = None
    """A value to point at."""
    mark_said: str = ""
    colour: str = "bar"
    is_length: bool = True


def histograms(title: str, subtitle: str, panels: Sequence[Panel]) -> str:
    canvas = Canvas(title, subtitle)
    across = 1 if len(panels) == 1 else 2
    wide = (WIDTH - 2 * _MARGIN - (across - 1) * _GAP) / across
    tall = _HEAD + _TALL + _AXIS
    for number, panel in enumerate(panels):
        x = _MARGIN + (number % across) * (wide + _GAP)
        _panel(canvas, panel, x, canvas.top + (number // across) * (tall + 14), wide)
    rows = -(-len(panels) // across)
    return canvas.drawn(canvas.top + rows * (tall + 14) + 6)


def _panel(canvas: Canvas, panel: Panel, x: float, y: float, wide: float) -> None:
    canvas.text(x, y + 10, fitting(panel.name, wide, 13), size=13, bold=True)
    canvas.text(x, y + 27, fitting(panel.remark, wide), "muted", size=12)
    left, floor = x + _LEFT, y + _HEAD + _TALL
    room = wide - _LEFT
    bins = panel.bins
    if not bins:
        return
    place = _scale(panel, bins[0][0], bins[-1][1], left, room)
    most = max(count for *_, count in bins)
    for step in _steps(most):
        at = floor - _TALL * step / most
        canvas.rule(left, at, x + wide, at, "grid")
        canvas.text(left - 6, at + 4, short(step), "muted", size=10.5, anchor="end")
    for begin, end, count in bins:
        if count:
            start, stop = place(begin), place(end)
            high = max(1.5, _TALL * count / most)
            canvas.bar(
                start + 0.5, floor - high, max(1, stop - start - 1), high, panel.colour, round_=1.5
            )
    canvas.rule(left, floor, x + wide, floor, "edge")
    for tick in _ticks(panel, bins[0][0], bins[-1][1]):
        at = place(tick)
        canvas.rule(at, floor, at, floor + 4, "edge")
        canvas.text(
            at,
            floor + 17,
            f"{tick:g}" if not panel.is_length else short(tick),
            "muted",
            size=10.5,
            anchor="middle",
        )
    if panel.mark is not None:
        at = place(min(max(panel.mark, bins[0][0]), bins[-1][1]))
        canvas.rule(at, floor - _TALL - 10, at, floor, "mark", "4 2")
        is_left = at < left + room / 2
        canvas.text(
            at + (5 if is_left else -5),
            floor - _TALL - 5,
            panel.mark_said,
            "mark",
            size=11,
            anchor="start" if is_left else "end",
        )


def _scale(
    panel: Panel, first: float, last: float, left: float, room: float
) -> Callable[[float], float]:
    def straight(value: float) -> float:
        return left + room * (value - first) / (last - first)

    def logarithmic(value: float) -> float:
        return left + room * (log10(value) - log10(first)) / (log10(last) - log10(first))

    return logarithmic if panel.is_length else straight


def _ticks(panel: Panel, first: float, last: float) -> list[float]:
    if not panel.is_length:
        return [tick / 10 for tick in range(11) if first - 0.001 <= tick / 10 <= last + 0.001]
    ends = (1, 2, 5) if last / first < 200 else (1,)  # noqa: PLR2004  (two decades and a bit)
    every = [digit * 10**power for power in range(7) for digit in ends]
    return [float(tick) for tick in every if first <= tick <= last]


def _steps(most: int) -> list[int]:
    """Two to four round numbers up to `most`."""
    for size in (10**power * digit for power in range(13) for digit in (1, 2, 5)):
        if most / size <= 4:  # noqa: PLR2004
            return [size * step for step in range(1, most // size + 1)]
    return []
