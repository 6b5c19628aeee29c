"""The `seeds` key of a job: which inputs its prompts are rendered with."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from app.names import Ref
from app.seeds.axis import Matrix

MAX_INLINE = 1_000

Row = dict[str, Any]


def _alike(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    for number, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            raise PydanticCustomError(
                "rows",
                "row {number} should have the same columns as the first: {columns}",
                {"number": number, "columns": ", ".join(rows[0]) or "none"},
            )
    return rows


InlineRows = Annotated[
    tuple[Row, ...], Field(min_length=1, max_length=MAX_INLINE), AfterValidator(_alike)
]


class SeedSpec(BaseModel, frozen=True, extra="forbid"):
    """Rows of a dataset or written here, a matrix of values, or each row with each cell of the
    matrix. A template without inputs needs none of them.
    """

    dataset: Ref | None = Field(default=None, examples=["support/topics@1"])
    """A seed dataset: all of its rows are used once before any is used again."""
    rows: InlineRows | None = Field(default=None, examples=[[{"topic": "photosynthesis"}]])
    """Up to 1,000 rows written here; they serve as a dataset would."""
    matrix: Matrix | None = Field(
        default=None,
        examples=[{"language": ["English", "German"], "level": {"easy": 1, "hard": 3}}],
    )
    """Values by input. A list is used evenly, in every combination with the other lists; values
    with weights are drawn, each as often as its weight says."""
    random_seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """The same number gives the same order and the same draws."""

    @model_validator(mode="after")
    def _one_source_for_each_input(self) -> Self:
        if self.dataset is not None and self.rows is not None:
            raise PydanticCustomError("seeds", "should name a dataset or hold rows, not both", {})
        twice = (self.rows or ({},))[0].keys() & (self.matrix or {}).keys()
        if twice:
            raise PydanticCustomError(
                "seeds",
                "{names} should come from the rows or from the matrix, not from both",
                {"names": ", ".join(sorted(twice))},
            )
        return self
