"""A row and its near twin are in one split, and stay there, however the corpus grows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from app.curation import exact
from app.curation.near import Near, grams, jaccard
from app.datasets.clusters import LOOSE, cluster
from app.datasets.exporter import Origin, Row
from app.datasets.membership import History, Member
from app.datasets.pick import Pick
from app.datasets.splits import Sorter, Splits, hashed
from app.datasets.sweep import Signed, Texts
from app.datasets.twins import Twins
from tests.datasets.texts import essay

NEAR = Near(("answer",), (), 0.8)
SPLITS = Splits({"train": 0.5, "test": 0.3, "validation": 0.2, "by": "cluster"})


class Known(Texts):
    records: dict[UUID, dict[str, Any]]

    async def _read(self, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
        return {each: self.records[each] for each in ids}


@dataclass
class Published:
    """The versions of a dataset that is split by cluster, without a database."""

    before: History = field(default_factory=History)
    records: dict[UUID, dict[str, Any]] = field(default_factory=dict)

    async def publish(self, ids: Sequence[UUID]) -> dict[UUID, str | None]:
        current = self.before.current
        ordered = [each for each in current if each in ids]
        ordered += sorted(each for each in ids if each not in current)
        picks = [self._pick(each) for each in ordered]
        signed = Signed(NEAR, None, [])
        signed.add([self._row(pick) for pick in picks])
        texts = Known(None, NEAR, picks)  # type: ignore[arg-type]
        texts.records = self.records
        twins = Twins(signed.loose or [], signed.sketches, LOOSE)
        found = await cluster(twins, texts, picks, range(len(picks)), self.before, Sorter(SPLITS))
        splits = {picks[number].id: split for number, split in found.items()}
        current.clear()
        for pick in picks:
            if (split := splits[pick.id]) is not None:
                current[pick.id] = Member(pick.id, split, hashed(pick.digest), pick.made_at)
                self.before.remember(current[pick.id])
        return splits

    def _pick(self, record: UUID) -> Pick:
        known = self.before.current.get(record)
        digest = exact.digest(self.records[record])
        split = known.split if known else None
        return Pick(record, record, digest, record, 0, 0, record, 0, split)

    def _row(self, pick: Pick) -> Row:
        return Row(pick.id, 0, 0, pick.digest, self.records[pick.id], 1, Origin(pick.id))


grown = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=8),
        st.sets(st.integers(0, 40), max_size=4),
    ),
    min_size=1,
    max_size=4,
)


@given(grown)
@settings(max_examples=60)
async def test_no_row_leaves_a_held_out_split_and_none_has_a_twin_elsewhere(
    versions: list[tuple[list[tuple[int, int]], set[int]]],
) -> None:
    made = Published()
    held_out: dict[bytes, str] = {}
    for added, missing in versions:
        for number, changed in added:
            made.records[UUID(int=len(made.records))] = essay(number, changed=changed)
        ids = [each for place, each in enumerate(made.records) if place not in missing]
        splits = await made.publish(ids) if ids else {}
        for each, split in splits.items():
            if split is None:
                continue
            digest = exact.digest(made.records[each])
            assert held_out.get(digest, split) == split
            if split != "train":
                held_out[digest] = split
        for one, other in combinations([each for each, split in splits.items() if split], 2):
            texts = [NEAR.text(made.records[each]) for each in (one, other)]
            # 24 bands of five numbers find a pair of this similarity but for one in a million.
            if jaccard(*grams(texts)) >= 0.85:
                assert splits[one] == splits[other]


async def test_a_new_row_that_joins_two_splits_is_left_out_and_the_old_ones_stay() -> None:
    made = Published()
    one, between, other = (essay(1, changed=changed) for changed in (0, 0, 0))
    words = essay(1)["answer"].split()
    # Each is 0.6 alike to the one between, and 0.4 to the other.
    one["answer"] = " ".join([*words[:32], *essay(2)["answer"].split()[:8]])
    other["answer"] = " ".join([*essay(3)["answer"].split()[:8], *words[8:]])
    ids = [UUID(int=number) for number in range(3)]
    made.records = dict(zip(ids, (one, other, between), strict=True))
    for each, split in zip(ids, ("train", "test"), strict=False):
        member = Member(each, split, hashed(exact.digest(made.records[each])), 0)
        made.before.current[each] = member
        made.before.remember(member)
    assert await made.publish(ids) == {ids[0]: "train", ids[1]: "test", ids[2]: None}
