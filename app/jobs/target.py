"""How much a job is to ask for: its target in records, and the most samples it may take."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from app.errors import Invalid
from app.jobs.arm_spec import MOST_ROWS
from app.jobs.arms import ResolvedArm
from app.jobs.limits import MOST_RECORDS
from app.jobs.schemas import JobSpec

CANDIDATES_PER_RECORD = 5
"""The most candidates for each record wanted, where the document sets no limit."""


@dataclass(frozen=True, slots=True)
class Target:
    records: int
    candidates: int
    rows: int
    """What the first chunks ask about: in a comparison, in each arm."""
    limit: int | None
    """`max_candidates` as the resolved document has it."""


def target_of(spec: JobSpec, arms: Sequence[ResolvedArm], seeds: int) -> Target:
    """`seeds` are the rows that the seeds give. Raises `Invalid` where it does not work out."""
    samples, most = arms[0].samples, spec.limits.max_candidates
    if spec.compare is not None:
        return _of_comparison(spec.compare.rows or seeds, samples * len(arms), most)
    records = spec.num_records
    if records is None:
        records = seeds * samples
        if records > MOST_RECORDS:
            raise Invalid.at("/num_records", "should be said: the seeds give too many rows")
        candidates = most or records
    else:
        candidates = most or records * CANDIDATES_PER_RECORD
    if candidates < samples:
        raise Invalid.at("/limits/max_candidates", "should be at least sampling.n", candidates)
    rows = min(ceil(records / samples), candidates // samples)
    return Target(records, candidates, rows, candidates)


def _of_comparison(rows: int, samples: int, most: int | None) -> Target:
    """Every arm is asked about every row, whatever comes of it."""
    if rows > MOST_ROWS:
        raise Invalid.at("/compare/rows", "should be said: the seeds give too many rows")
    if most is not None and most < rows * samples:
        raise Invalid.at(
            "/limits/max_candidates",
            f"should be at least {rows * samples}: so many samples are {rows} rows in every arm",
            most,
        )
    return Target(rows * samples, rows * samples, rows, most)
