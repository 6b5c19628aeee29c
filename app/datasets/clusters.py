"""Near-duplicates share a split: clusters of rows that are alike, and where each belongs.

A cluster is a connected part of the graph of pairs that are alike at 0.6 or more. One that has a
row in a split already is in that split; a new one goes by the hash of its oldest row. A new row
that would join two splits belongs to neither, and is left out: an old row never moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from app.datasets.membership import History
from app.datasets.pick import Pick
from app.datasets.splits import Sorter, hashed
from app.datasets.sweep import Texts, walk
from app.datasets.twins import Twins

LOOSE: Final = 0.6
"""Measured where a corpus's default was set: below it, pairs have a subject in common at most."""


@dataclass(slots=True)
class Forest:
    """Disjoint sets of rows, of which each may have a split."""

    split: dict[int, str | None]
    """By row; of a set, its root's counts."""
    _parent: dict[int, int] = field(default_factory=dict)

    def root(self, row: int) -> int:
        while (above := self._parent.get(row, row)) != row:
            self._parent[row] = row = self._parent.get(above, above)
        return row

    def of(self, row: int) -> str | None:
        return self.split[self.root(row)]

    def join(self, older: int, newer: int) -> None:
        """The older one's root stays: a cluster goes by its oldest row."""
        one, other = sorted((self.root(older), self.root(newer)))
        if one != other:
            self.split[one] = self.split[one] or self.split[other]
            self._parent[other] = one


async def cluster(
    twins: Twins,
    texts: Texts,
    picks: Sequence[Pick],
    numbers: Sequence[int],
    before: History,
    sorter: Sorter,
) -> dict[int, str | None]:
    """The split of each of these numbers among `picks`; none for those that join two."""
    forest = Forest({n: _known(picks[n], before) for n in numbers})
    bridges: set[int] = set()
    async for row, known in walk(twins, texts):
        if row not in forest.split:
            continue
        others = [other for other, _ in twins.alike(row, known)]
        mine = forest.split[row]
        splits = {split for split in (mine, *map(forest.of, others)) if split is not None}
        if len(splits) > 1 and picks[row].split is None:
            bridges.add(row)
            continue
        twins.keep(row)
        for other in others:
            if mine is None or forest.of(other) in {None, mine}:
                forest.join(other, row)
    made: dict[int, str | None] = {}
    for number in numbers:
        root = forest.root(number)
        split = forest.split[root] or sorter(hashed(picks[root].digest))
        made[number] = None if number in bridges else split
    return made


def _known(pick: Pick, before: History) -> str | None:
    return pick.split or before.split_of(pick.id, hashed(pick.digest))
