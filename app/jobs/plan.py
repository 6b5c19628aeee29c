"""How much to ask for: chunk sizes, and how many more items when the yield was short."""

from dataclasses import dataclass
from math import ceil

SMALLEST = 8
LARGEST = 512
"""Samples of a chunk. Small jobs get small chunks, so that every slot has one and progress shows;
large ones have few rows in the ledger."""

_CHUNKS_WANTED = 8
_LEAST_YIELD = 0.05
"""A yield below this plans no more than 20 candidates for a missing record at a time."""
_MARGIN = 1.1


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
    rate = max(accepted / settled, _LEAST_YIELD) if settled else 1.0
    wanted = ceil(missing / rate * _MARGIN)
    room = (most - planned) // samples_per_item
    return max(0, min(ceil(wanted / samples_per_item), room))
