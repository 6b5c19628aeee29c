"""Which records are rows of which versions, and in which split: kept as what changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.datasets.splits import TRAIN

UNSELECTED: Final = "selection"
"""Why a row is not in a version, though its corpus has it: it was not asked for."""
_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Member:
    """A row of a version, without what it says."""

    id: UUID
    split: str
    key: int
    made_at: int


@dataclass(slots=True)
class History:
    """What a dataset's versions had, and what the latest has."""

    version: int = 0
    """The latest; 0 where there is none."""
    current: dict[UUID, Member] = field(default_factory=dict)
    """Its rows, in their order."""
    _of_record: dict[UUID, str] = field(default_factory=dict)
    _of_key: dict[int, str] = field(default_factory=dict)

    def remember(self, member: Member) -> None:
        """Where something was ever in two splits, the one that is not `train` counts."""
        if self._of_record.get(member.id, TRAIN) == TRAIN:
            self._of_record[member.id] = member.split
        if self._of_key.get(member.key, TRAIN) == TRAIN:
            self._of_key[member.key] = member.split

    def split_of(self, record_id: UUID, key: int) -> str | None:
        """Where it has to be, if it or what it belongs to was in a version before."""
        return self._of_record.get(record_id) or self._of_key.get(key)


async def history(session: AsyncSession, dataset_id: UUID, version: int) -> History:
    """Up to the latest version, which is this one."""
    made = History(version)
    found = await session.stream(
        _HISTORY, {"dataset": dataset_id}, execution_options={"yield_per": _AT_ONCE}
    )
    async for page in found.partitions():
        for row in page:
            member = Member(row.record_id, row.split, row.key, row.made_at)
            made.remember(member)
            if row.until is None:
                made.current[member.id] = member
    return made


_HISTORY = text("""
    SELECT record_id, split, key, made_at, until FROM dataset_row
    WHERE dataset_id = :dataset ORDER BY since, record_id
""")


@dataclass(frozen=True, slots=True)
class Changes:
    """From one version to the next."""

    entered: Sequence[Member]
    moved: Sequence[Member]
    """Rows whose corpus was rebuilt, or that left `train`."""
    left: Mapping[UUID, str]
    """By record, why."""


def changes(before: History, after: Sequence[Member], reasons: Mapping[UUID, str]) -> Changes:
    """What has to be written down."""
    entered, moved = [], []
    stays = set()
    for member in after:
        known = before.current.get(member.id)
        if known is None:
            entered.append(member)
            continue
        stays.add(member.id)
        if known != member:
            moved.append(member)
    left = {each: reasons.get(each, UNSELECTED) for each in before.current if each not in stays}
    return Changes(entered, moved, left)


async def write(session: AsyncSession, dataset_id: UUID, version: int, changed: Changes) -> None:
    """To be said with the version's own row, in one transaction, by who holds the dataset."""
    names: dict[str, Any] = {"dataset": dataset_id, "version": version}
    if changed.left:
        left = {"ids": list(changed.left), "reasons": list(changed.left.values())}
        await session.execute(_LEAVE, names | left)
    if changed.moved:
        await session.execute(_MOVE, {"dataset": dataset_id} | _columns(changed.moved))
    for start in range(0, len(changed.entered), _AT_ONCE):
        await session.execute(_ENTER, names | _columns(changed.entered[start : start + _AT_ONCE]))


def _columns(members: Sequence[Member]) -> dict[str, Any]:
    return {
        "ids": [each.id for each in members],
        "splits": [each.split for each in members],
        "keys": [each.key for each in members],
        "places": [each.made_at for each in members],
    }


# A record that was deleted meanwhile has a tombstone, or its own corpus has none of it left.
_LEAVE = text("""
    UPDATE dataset_row AS r
    SET until = :version,
        why = CASE WHEN EXISTS (SELECT FROM record WHERE id = r.record_id)
            THEN given.why ELSE 'deleted' END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[])) AS given (record_id, why)
    WHERE r.dataset_id = :dataset AND r.until IS NULL AND r.record_id = given.record_id
""")
_MOVE = text("""
    UPDATE dataset_row AS r
    SET split = given.split, key = given.key, made_at = given.made_at
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:splits AS text[]), CAST(:keys AS int8[]),
        CAST(:places AS int8[])
    ) AS given (record_id, split, key, made_at)
    WHERE r.dataset_id = :dataset AND r.until IS NULL AND r.record_id = given.record_id
""")
_ENTER = text("""
    INSERT INTO dataset_row (dataset_id, since, record_id, split, key, made_at)
    SELECT :dataset, :version, * FROM unnest(
        CAST(:ids AS uuid[]), CAST(:splits AS text[]), CAST(:keys AS int8[]),
        CAST(:places AS int8[])
    )
""")
