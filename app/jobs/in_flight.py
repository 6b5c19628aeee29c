"""How many requests this process has out with teachers, by job and arm."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(slots=True)
class InFlight:
    """One count for each arm of a job that has any. For one event loop: nothing here waits."""

    counts: dict[str, int] = field(default_factory=dict)

    def of(self, job_id: UUID, arm: int = 0) -> AbstractContextManager[None]:
        """Counts as one while it is entered; it may be entered many times at once."""
        return _Out(self.counts, f"{job_id}/{arm}")

    def seen(self) -> Mapping[str, int]:
        return dict(self.counts)


@dataclass(slots=True)
class _Out(AbstractContextManager[None]):
    counts: dict[str, int]
    asker: str

    def __enter__(self) -> None:
        self.counts[self.asker] = self.counts.get(self.asker, 0) + 1

    def __exit__(self, *_: object) -> None:
        left = self.counts[self.asker] - 1
        if left:
            self.counts[self.asker] = left
        else:
            del self.counts[self.asker]
