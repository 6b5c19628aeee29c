"""How much to ask for: chunk sizes, and how many more items when the yield was short."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from app.seeds.cells import divided

SMALLEST = 8
LARGEST = 1024
"""Samples of a chunk. Small jobs get small chunks, so that every slot has one and progress shows;
large ones have few rows in the ledger."""

_CHUNKS_WANTED = 8
_LEAST_YIELD = 0.05
"""A yield below this plans no more than 20 candidates for a missing record at a time."""
_MARGIN = 1.1


@dataclass(frozen=True, slots=True)
class Lack:
    """A cell of the matrix that lacks records, and may be asked for."""

    number: int
    missing: int
    new: int
    settled: int


@dataclass(frozen=True, slots=True)
class Run:
    """A chunk to be: consecutive items."""

    first_item: int
    items: int


def items_per_chunk(items: int, samples_per_item: int) -> int:
    """Items of each chunk when `items` are planned at once."""
    smallest = max(1, SMALLEST // samples_per_item)
    largest = max(1, LARGEST // samples_per_item)
    return min(largest, max(smallest, ceil(items / _CHUNKS_WANTED)))


STORED = 1024
"""Items of a chunk of stored replies: nothing is lost with its holder, so it may be larger."""


def stored_per_chunk(items: int) -> int:
    """Items of each chunk of a job that asks nobody."""
    return min(STORED, items)


def more_items(
    *, missing: int, accepted: int, settled: int, planned: int, most: int, samples_per_item: int
) -> int:
    """Items to plan for `missing` records, at the yield seen so far; 0 where `most` is reached.

    `settled`, `planned` and `most` count samples.
    """
    rate = _floored(accepted / settled) if settled else 1.0
    wanted = ceil(missing / rate * _MARGIN)
    room = (most - planned) // samples_per_item
    return max(0, min(ceil(wanted / samples_per_item), room))


_PRIOR = 8
"""Samples of the whole job's yield that each cell's own is mixed with: what a cell with hardly any
has shown is chance."""


def items_per_cell(
    lacks: Sequence[Lack], *, accepted: int, settled: int, room: int, samples_per_item: int
) -> dict[int, int]:
    """Items to plan for each cell that lacks records, at its yield so far; none where `room`, which
    counts samples, is used up.

    As many as should do, without a margin: what is too many for a small cell is wasted, and what is
    too few is planned next.
    """
    overall = _floored(accepted / settled) if settled else 1.0
    items: dict[int, int] = {}
    for cell in lacks:
        rate = _floored((cell.new + _PRIOR * overall) / (cell.settled + _PRIOR))
        wanted = max(cell.missing, round(cell.missing / rate))
        items[cell.number] = ceil(wanted / samples_per_item)
    most = max(0, room) // samples_per_item
    if sum(items.values()) > most:
        items = dict(zip(items, divided(most, list(items.values())), strict=True))
    return {number: count for number, count in items.items() if count}


def _floored(rate: float) -> float:
    return max(rate, _LEAST_YIELD)
