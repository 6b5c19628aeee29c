"""The last check of a version: no row of it may be a copy of an evaluation item.

Records may be older than the evaluation sets that they copy, so what was checked on its way into
the corpus is checked again on its way out.
"""

from collections.abc import Sequence

from app.curation.contamination import COVERED, Contamination
from app.curation.verdict import Verdict
from app.datasets.exporter import Row
from app.datasets.manifest import DecontaminationEntry, LeftOut
from app.names import Ref

MOST_NAMED = 100
"""Rows left out that a manifest names; of the others it has the number."""


class Gate:
    """Rows pass in their order. Its calls block: make them in a thread, one at a time."""

    def __init__(self, sets: Sequence[Ref], contamination: Contamination | None) -> None:
        self._contamination = contamination
        self._sets = [str(ref) for ref in sets]
        self._checked = self._flagged = self._kept_back = 0
        self._named: list[LeftOut] = []

    @property
    def checks(self) -> bool:
        """Whether there is anything to check against."""
        return self._contamination is not None

    def passed(self, rows: Sequence[Row]) -> list[Row]:
        """Those that may be published."""
        if self._contamination is None:
            return list(rows)
        found = self._contamination.check_many([row.fields for row in rows])
        self._checked += len(rows)
        kept = []
        for row, one in zip(rows, found, strict=True):
            if isinstance(one, Verdict):
                self._leave_out(row, one)
                continue
            self._flagged += one is not None
            kept.append(row)
        return kept

    def _leave_out(self, row: Row, verdict: Verdict) -> None:
        self._kept_back += 1
        if len(self._named) < MOST_NAMED:
            why = verdict.detail or verdict.reason
            self._named.append(LeftOut(record=str(row.id), coverage=verdict.value, why=why))

    @property
    def entry(self) -> DecontaminationEntry:
        return DecontaminationEntry(
            sets=self._sets,
            threshold=COVERED,
            rows_checked=self._checked,
            rows_left_out=self._kept_back,
            left_out=self._named,
            rows_flagged=self._flagged,
        )
