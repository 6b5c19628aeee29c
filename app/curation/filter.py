"""What a filter is: a rule that drops, notes or changes a record, and says what it measured."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from app.curation.response import Response
from app.curation.sample import Sample
from app.curation.texts import texts
from app.curation.verdict import Finding, Flag, Verdict
from app.plugins import Plugin, Registry


class Filter(Plugin, ABC, frozen=True):
    """Sees the whole record: the seed row's inputs and the fields of the reply."""

    cost: ClassVar[int] = 50
    """Filters run in this order, cheapest first, whatever order a job lists them in."""
    needs_prompt: ClassVar[bool] = False
    """Whether what the teacher was asked has to be there: rendered again for a stored reply."""

    action: Literal["drop", "flag"] = "drop"
    """What happens to a record that does not pass: it is dropped, or kept with a flag."""

    @abstractmethod
    def __call__(self, sample: Sample) -> Finding | None:
        """What is to be said of this record, or nothing. What it raises becomes the verdict
        `filter.<name>.error`.
        """

    def reads(self) -> tuple[str, ...]:
        """The fields that it names; a job whose records lack one of them is refused."""
        return ()

    def bound(self, response: Response) -> Self:  # noqa: ARG002  (most need not know)
        """The same filter, its open parameters taken from what the reply should hold."""
        return self

    def found(
        self, reason: str | None, value: Any, threshold: Any = None, detail: str | None = None
    ) -> Verdict | Flag:
        """That the record does not pass: a verdict or a flag, as `action` says."""
        kind = Verdict if self.action == "drop" else Flag
        return kind(self.code(reason), value, threshold, detail, self.revision)

    def flagged(
        self, reason: str | None, value: Any, threshold: Any = None, detail: str | None = None
    ) -> Flag:
        """A note, whatever `action` says."""
        return Flag(self.code(reason), value, threshold, detail, self.revision)

    def code(self, reason: str | None) -> str:
        return f"filter.{self.plugin_name}" + (f".{reason}" if reason else "")


class TextFilter(Filter, ABC, frozen=True):
    """One that reads the texts of the reply."""

    fields: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Which fields; by default every one of the reply, never the seed row's own."""

    def reads(self) -> tuple[str, ...]:
        return self.fields or ()

    def bound(self, response: Response) -> Self:
        return self if self.fields else self.model_copy(update={"fields": response.fields})

    def texts(self, sample: Sample) -> Sequence[tuple[str, str]]:
        """Each text with the field it stands in; lists and objects are looked into."""
        record = sample.record
        return [(field, text) for field in self.fields or () for text in texts(record.get(field))]


filters: Registry[Filter] = Registry("filter")


def words(text: str) -> int:
    """Runs of characters between spaces; languages written without spaces count as one."""
    return len(text.split())
