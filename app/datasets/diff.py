"""What changed between two versions: by row from the table of rows, the rest from the manifests."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.browse import id_at
from app.datasets import store
from app.datasets.difference import (
    Counts,
    Difference,
    Files,
    FunnelChange,
    LengthChange,
    LengthSummary,
    RowsAdded,
    RowsRemoved,
)
from app.datasets.manifest import PublishedManifest
from app.datasets.models import Dataset, DatasetVersion
from app.errors import Invalid, NotFound

_MOST_NAMED = 100


async def between(session: AsyncSession, dataset: Dataset, before: int, after: int) -> Difference:
    """Raises `Invalid` where `before` is not the earlier of the two, `NotFound` for a number that
    is none.
    """
    if not 1 <= before < after:
        raise Invalid.at("query.from", "should be an earlier version", before)
    old, new = [await _manifest(session, dataset, number) for number in (before, after)]
    names = {
        "dataset": dataset.id,
        "before": before,
        "after": after,
        "then": id_at(int(old.snapshot_at.timestamp() * 1000)),
    }
    groups = (await session.execute(_GROUPS, names)).all()
    named = (await session.execute(_NAMED, names | {"most": _MOST_NAMED})).all()
    came = [group for group in groups if group.is_there]
    went = [group for group in groups if not group.is_there]
    return Difference(
        dataset=old.dataset,
        before=before,
        after=after,
        rows=Counts(before=old.rows, after=new.rows),
        added=RowsAdded(
            **_told(came), records=[str(row.record_id) for row in named if row.is_there]
        ),
        removed=RowsRemoved(
            **_told(went),
            records=[str(row.record_id) for row in named if not row.is_there],
            deleted=_count(went, "said"),
        ),
        splits=_counts(*({k: v.rows for k, v in each.splits.items()} for each in (old, new))),
        corpora=_counts(*({each.corpus: each.rows for each in m.corpora} for m in (old, new))),
        strata=_counts(_strata(old, new), _strata(new, old)),
        left_out=_counts(old.left_out, new.left_out),
        funnel=FunnelChange(before=old.funnel, after=new.funnel),
        lengths={
            name: LengthChange(
                before=LengthSummary.of(old.lengths.get(name)),
                after=LengthSummary.of(new.lengths.get(name)),
            )
            for name in sorted({*old.lengths, *new.lengths})
        },
        files=_files(old, new),
    )


# A record that left and came back is in neither: what counts is whether it is in each of the two.
_TOUCHED = """
    SELECT record_id,
        bool_or(since <= :before AND (until IS NULL OR until > :before)) AS was_there,
        bool_or(since <= :after AND (until IS NULL OR until > :after)) AS is_there,
        (array_agg(split ORDER BY since DESC))[1] AS split,
        (array_agg(why ORDER BY since DESC))[1] AS why
    FROM dataset_row
    WHERE dataset_id = :dataset
      AND ((since > :before AND since <= :after) OR (until > :before AND until <= :after))
    GROUP BY record_id
"""
_GROUPS = text(f"""
    SELECT is_there, split,
        CASE WHEN is_there THEN
            CASE WHEN touched.record_id >= CAST(:then AS uuid) THEN 'new' ELSE 'let_in' END
        ELSE coalesce(why, 'selection') END AS reason,
        CASE WHEN NOT is_there THEN stone.reason END AS said,
        CAST(coalesce(record.job_id, stone.job_id) AS text) AS job,
        count(*) AS n
    FROM ({_TOUCHED}) AS touched
    LEFT JOIN record ON record.id = touched.record_id
    LEFT JOIN tombstone AS stone ON stone.record_id = touched.record_id
    WHERE was_there <> is_there
    GROUP BY 1, 2, 3, 4, 5
""")  # noqa: S608  (our own words)
_NAMED = text(f"""
    SELECT is_there, record_id FROM (
        SELECT is_there, record_id,
            row_number() OVER (PARTITION BY is_there ORDER BY record_id) AS place
        FROM ({_TOUCHED}) AS touched WHERE was_there <> is_there
    ) AS placed
    WHERE place <= :most ORDER BY record_id
""")  # noqa: S608


async def _manifest(session: AsyncSession, dataset: Dataset, number: int) -> PublishedManifest:
    found: DatasetVersion | None = await store.version(session, dataset.id, number)
    if found is None:
        raise NotFound(
            "dataset.version_not_found",
            f"{dataset.namespace}/{dataset.name} has no version {number}",
            hint=f"GET /v1/datasets/{dataset.namespace}/{dataset.name}/versions lists them.",
        )
    return PublishedManifest.model_validate(found.manifest)


def _told(groups: Sequence[Any]) -> dict[str, Any]:
    jobs = _count(groups, "job")
    most = sorted(jobs.items(), key=lambda entry: (-entry[1], entry[0]))[:_MOST_NAMED]
    return {
        "rows": sum(group.n for group in groups),
        "by_reason": _count(groups, "reason"),
        "by_split": _count(groups, "split"),
        "by_job": dict(most),
    }


def _count(groups: Sequence[Any], name: str) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for group in groups:
        value = getattr(group, name)
        if value is not None:
            counted[value] += group.n
    return dict(sorted(counted.items()))


def _counts(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, Counts]:
    return {
        name: Counts(before=before.get(name, 0), after=after.get(name, 0))
        for name in sorted({*before, *after})
    }


def _strata(one: PublishedManifest, other: PublishedManifest) -> dict[str, int]:
    shared = [each.by for each in other.mix]
    return {
        f"{'/'.join(rule.by)}={each.stratum}": each.rows
        for rule in one.mix
        if rule.by in shared
        for each in rule.strata
    }


def _files(old: PublishedManifest, new: PublishedManifest) -> Files:
    had = {file.sha256 for file in old.files}
    has = {file.sha256 for file in new.files}
    added = [file for file in new.files if file.sha256 not in had]
    return Files(
        kept=[file for file in new.files if file.sha256 in had],
        added=added,
        removed=[file for file in old.files if file.sha256 not in has],
        bytes_added=sum(file.size for file in added),
    )
