"""How many requests this process has out with teachers, by job."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(slots=True)
class InFlight:
    """One count for each job that has any. For one event loop: nothing here waits."""

    counts: dict[UUID, int] = field(default_factory=dict)

    def of(self, job_id: UUID) -> AbstractContextManager[None]:
        """Counts as one while it is entered; it may be entered many times at once."""
        return _Out(self.counts, job_id)

    def seen(self) -> Mapping[UUID, int]:
        return dict(self.counts)


@dataclass(slots=True)
class _Out(AbstractContextManager[None]):
    counts: dict[UUID, int]
    job_id: UUID

    def __enter__(self) -> None:
        self.counts[self.job_id] = self.counts.get(self.job_id, 0) + 1

    def __exit__(self, *_: object) -> None:
        left = self.counts[self.job_id] - 1
        if left:
            self.counts[self.job_id] = left
        else:
            del self.counts[self.job_id]
