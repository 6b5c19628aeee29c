"""What a filter is: a rule that drops a record, and says what it measured against what."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from app.curation.response import Response
from app.curation.verdict import Record, Verdict
from app.plugins import Plugin, Registry


class Filter(Plugin, ABC, frozen=True):
    """Sees the whole record: the seed row's inputs and the fields of the reply."""

    cost: ClassVar[int] = 50
    """Filters run in this order, cheapest first, whatever order a job lists them in."""

    @abstractmethod
    def __call__(self, record: Record) -> Verdict | None:
        """Why this record is dropped, or nothing. The record holds only what can be stored."""

    def reads(self) -> tuple[str, ...]:
        """The fields that it names; a job whose records lack one of them is refused."""
        return ()

    def bound(self, response: Response) -> Self:  # noqa: ARG002  (most need not know)
        """The same filter, its open parameters taken from what the reply should hold."""
        return self

    def refused(
        self, reason: str | None, value: Any, threshold: Any = None, detail: str | None = None
    ) -> Verdict:
        code = f"filter.{self.plugin_name}" + (f".{reason}" if reason else "")
        return Verdict(code, value, threshold, detail, self.revision)


filters: Registry[Filter] = Registry("filter")


def words(text: str) -> int:
    """Runs of characters between spaces; languages written without spaces count as one."""
    return len(text.split())
