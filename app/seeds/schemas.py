"""Seed datasets as JSON."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from app.names import Ref
from app.seeds.axis import Matrix
from app.seeds.models import SeedDataset, SeedRow, SeedVersion


def _unversioned(ref: Ref) -> Ref:
    if ref.version is not None:
        raise PydanticCustomError("ref", "should be without @version: versions are numbered here")
    return ref


_EXAMPLES = [
    {
        "name": "support/topics",
        "matrix": {"topic": ["rain", "snow"], "level": {"easy": 1, "hard": 3}},
    },
    {"name": "support/topics", "rows": [{"topic": "rain"}, {"topic": "snow"}]},
]


class NewSeeds(BaseModel, frozen=True, extra="forbid", json_schema_extra={"examples": _EXAMPLES}):
    """Rows, or a matrix to write out as rows. For more than fits here upload a file."""

    name: Annotated[Ref, AfterValidator(_unversioned)] = Field(examples=["support/topics"])
    rows: list[dict[str, Any]] | None = Field(
        default=None, min_length=1, max_length=100_000, examples=[[{"topic": "rain"}]]
    )
    """All with the same columns."""
    matrix: Matrix | None = Field(default=None, examples=[{"topic": ["rain", "snow"]}])
    """Every combination becomes a row; with whole weights, as many rows as they say."""

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.rows is None) == (self.matrix is None):
            raise PydanticCustomError("seeds", "should have either rows or a matrix")
        return self


class SeedVersionView(BaseModel):
    namespace: str = Field(examples=["support"])
    name: str = Field(examples=["topics"])
    version: int
    ref: str = Field(examples=["support/topics@1"])
    """What a job calls it."""
    rows: int
    columns: list[str]
    digest: str
    """sha256 over the rows: equal for equal rows in equal order, whatever format they came in."""
    source: str = Field(examples=["upload"])
    """`upload`, `rows` or `matrix`."""
    created_at: datetime

    @classmethod
    def of(cls, dataset: SeedDataset, version: SeedVersion) -> "SeedVersionView":
        return cls(
            namespace=dataset.namespace,
            name=dataset.name,
            version=version.version,
            ref=str(Ref(dataset.namespace, dataset.name, version.version)),
            rows=version.rows,
            columns=version.columns,
            digest=version.digest.hex(),
            source=version.source,
            created_at=version.created_at,
        )


class SeedRowView(BaseModel):
    position: int
    """From 0."""
    fields: dict[str, Any]

    @classmethod
    def of(cls, row: SeedRow) -> "SeedRowView":
        return cls(position=row.position, fields=row.fields)
