"""Which files of the version before are files of the next one too, and what is to be written.

A version's rows are, split by split, in the order in which they first came to the dataset; so a
shard that lost no row has the same bytes again, and need be neither read nor written. One that lost
some is written anew with what it has left, and its neighbours stay as they are.

New rows make a shard of their own, so that a hundredth more costs a hundredth. Shards before it
that are not full and not twice as large are written together with it: there are never more small
ones than a few, and a row is written a few times at most.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.datasets.files import Files
from app.datasets.lengths import Lengths
from app.datasets.membership import History, Member
from app.datasets.models import DatasetFile
from app.datasets.pick import Pick
from app.datasets.shards import Shard, Sizes
from app.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Part:
    """A shard as it is, or rows that make one of their own."""

    split: str
    picks: Sequence[Pick]
    shard: Shard | None = None


def parts(
    files: Files,
    before: History,
    shards: Sequence[DatasetFile],
    picks: Sequence[Pick],
    sizes: Sizes,
) -> tuple[list[Part], list[Pick]]:
    """The finished parts, in their order in each split; and the rows that follow them."""
    here = {pick.id: pick for pick in picks if pick.split is not None}
    # What a split will get is known when rows are read; this is about as much.
    growth = (len(picks) - len(here)) / max(1, len(before.current))
    members: defaultdict[str, list[Member]] = defaultdict(list)
    for member in before.current.values():
        members[member.split].append(member)
    made: list[Part] = []
    for split, rows in members.items():
        theirs = [file for file in shards if file.split == split]
        if sum(file.rows or 0 for file in theirs) == len(rows):
            closed = _closed(theirs, growth * len(rows), sizes)
            made += _of_split(files, split, rows, closed, here)
    finished = {pick.id for part in made for pick in part.picks}
    return made, [pick for pick in picks if pick.id not in finished]


def _closed(shards: Sequence[DatasetFile], more: float, sizes: Sizes) -> Sequence[DatasetFile]:
    """All but the last ones that go together with new rows."""
    end = len(shards)
    while more and end:
        rows = shards[end - 1].rows or 0
        if rows >= sizes.shard_rows or rows > 2 * more:
            break
        more += rows
        end -= 1
    return shards[:end]


def _of_split(
    files: Files,
    split: str,
    rows: Sequence[Member],
    shards: Sequence[DatasetFile],
    here: Mapping[UUID, Pick],
) -> list[Part]:
    made: list[Part] = []
    carried: list[Pick] = []
    start = 0
    for file in shards:
        count = file.rows or 0
        theirs = rows[start : start + count]
        start += count
        left = carried + [here[each.id] for each in theirs if each.id in here]
        shard = None
        if not carried and len(left) == count and _same(theirs, left):
            shard = _stored(files, file)
        # What is left of a shard that lost most of its rows goes in front of the next one's.
        if shard is None and len(left) * 2 < count:
            carried = left
            continue
        made.append(Part(split, left, shard))
        carried = []
    return made


def _same(members: Sequence[Member], picks: Sequence[Pick]) -> bool:
    """Whether none was made anew since, by a rebuilding of its corpus."""
    return all(member.made_at == pick.made_at for member, pick in zip(members, picks, strict=True))


def _stored(files: Files, file: DatasetFile) -> Shard | None:
    """The shard as it is, unless the disk has spoilt it: then it is written again."""
    if file.memory is None or file.lengths is None or file.values is None or file.split is None:
        return None
    try:
        files.verified(file.sha256, file.size)
    except Unavailable:
        return None
    lengths = {name: Lengths.model_validate(each) for name, each in file.lengths.items()}
    return Shard(
        file.split, file.sha256, file.size, file.rows or 0, file.memory, lengths, file.values
    )
