"""What an exporter is: the layout in which a version's rows are written."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal
from uuid import UUID

from app.curation.verdict import Record
from app.datasets.exchange import Exchange
from app.datasets.features import Features, as_json
from app.errors import FieldError, Invalid
from app.plugins import Plugin, Registry


@dataclass(frozen=True, slots=True)
class Origin:
    """What a job's document says of where its records come from, or those of one of its arms."""

    job_id: UUID
    digest: str | None = None
    template: str | None = None
    few_shot: str | None = None
    teacher: str | None = None
    seeds: str | None = None
    seed_columns: tuple[str, ...] = ()
    """What of a record comes from its seed row, and not from a matrix or the teacher."""
    corpus: str | None = None
    """Where its records are."""
    arm: int | None = None
    """Which of several arms of the job."""


@dataclass(frozen=True, slots=True)
class Row:
    """A record on its way into a file."""

    id: UUID
    item: int
    sample: int
    digest: bytes
    fields: Record
    size: int
    """Characters of its fields as JSON."""
    origin: Origin
    """The job that has the reply it was made of."""
    decided_by: UUID | None = None
    """The job that accepted it; another one, where replies were decided anew."""
    exchange: Exchange | None = None
    """Where the layout wants it."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """What the layout's templates wrote of it."""

    @property
    def heard(self) -> Exchange:
        """The exchange, by a layout that wants it."""
        assert self.exchange is not None, "the row was not dressed for its layout"
        return self.exchange


@dataclass(frozen=True, slots=True)
class Use:
    """A trainer that reads a layout."""

    trainer: str
    by: str
    """What it is given there: a dataset type, a loader, an option."""


Format = Literal["parquet", "jsonl"]


class Exporter(Plugin, ABC, frozen=True):
    """A layout. Its rows follow from the record, and the exchange that made it, alone: equal rows
    give equal files.
    """

    uses: ClassVar[tuple[Use, ...]] = ()
    """Who reads it; the page about layouts is made of this."""
    example: ClassVar[Mapping[str, Any]] = {}
    """Parameters for an example on that page."""
    format: ClassVar[Format] = "parquet"

    @property
    def wants_prompt(self) -> bool:
        """Whether it takes what the teacher was asked."""
        return False

    @property
    def wants_reply(self) -> bool:
        """Whether it takes what the teacher said, as it came."""
        return False

    @property
    def wants_reasoning(self) -> bool:
        return False

    @property
    def templates(self) -> Mapping[str, str]:
        """What it has written in the language of templates, by the parameter that says it."""
        return {}

    def registry(self) -> Mapping[str, Any] | None:
        """How LLaMA-Factory's `dataset_info.json` describes it, where that can read it."""
        return None

    @abstractmethod
    def features(self, columns: Features) -> Features:
        """The columns that it writes, from those of the corpus."""

    @abstractmethod
    def __call__(self, row: Row, features: Features) -> dict[str, Any]:
        """One row, by column. Raises `features.Misfit` where a value has no place."""

    def reads(self) -> Mapping[str, Iterable[str]]:
        """The corpus columns that it names, by the parameter that names them."""
        return {}

    def check(self, columns: Features, at: str = "/layout") -> None:
        """Refuses columns that the corpus does not have; `at` is where the layout stands."""
        errors = [
            FieldError(
                f"{at}/{parameter}",
                f"the corpus has no column {name!r}; known: {', '.join(columns)}",
                name,
            )
            for parameter, names in self.reads().items()
            for name in names
            if name not in columns
        ]
        if errors:
            raise Invalid(
                "request.invalid", f"{errors[0].field}: {errors[0].problem}", errors=errors
            )


exporters: Registry[Exporter] = Registry("exporter")


def joined(record: Record, names: Iterable[str]) -> str:
    """Several fields as one text, with a blank line between; what is absent is left out."""
    values = (record.get(name) for name in names)
    return "\n\n".join(
        value if isinstance(value, str) else as_json(value) for value in values if value is not None
    )
