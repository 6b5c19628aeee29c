"""How much of each kind of row a version takes: caps and weights per stratum.

Which rows of a stratum stay is decided by a hash of each, so that a growing corpus reshuffles
nothing; rows that the version before had come first, so that its files stay as they are.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Self

import orjson
from pydantic import BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.corpus.condition import FieldName
from app.datasets.exporter import Row
from app.datasets.pick import Pick

Value = Annotated[str, StringConstraints(max_length=10_000)]
Weight = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]

LINEAGE = ("_corpus", "_job_id", "_template", "_teacher", "_few_shot")
_MISSING = "null"
_SLACK = 1e-9
"""What binary fractions add to a product that should be whole."""


class MixRule(
    BaseModel,
    frozen=True,
    extra="forbid",
    json_schema_extra={"examples": [{"by": ["level"], "weights": {"easy": 1, "hard": 3}}]},
):
    """A stratum is what rows have in common in the fields of `by`."""

    by: tuple[FieldName, ...] = Field(min_length=1, max_length=8, examples=[["level"], ["_corpus"]])
    """Fields of the records, or `_corpus`, `_job_id`, `_template`, `_teacher`, `_few_shot`."""
    cap: int | None = Field(default=None, ge=1, le=10**12)
    """The most rows of any stratum."""
    weights: dict[Value, Weight] | None = Field(
        default=None, min_length=1, max_length=1000, examples=[{"easy": 1, "hard": 3}]
    )
    """Rows of the strata in these proportions, as many as there are for that; strata that are not
    named are left out. What is not text is written as JSON; of several fields, the values are
    joined by `/`."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.cap is None and self.weights is None:
            raise PydanticCustomError("mix", "should have a cap or weights")
        if self.weights is not None and not any(self.weights.values()):
            raise PydanticCustomError("mix", "should have a weight above 0")
        return self

    def stratum(self, row: Row) -> str:
        return "/".join(_value(row, name) for name in self.by)

    def places(self, available: dict[str, int]) -> dict[str, int]:
        """How many rows of each stratum stay."""
        places = dict(available)
        if self.weights is not None:
            weights = {name: self.weights.get(name, 0.0) for name in available}
            whole = math.fsum(weights.values())
            there = [name for name in available if weights[name] > 0]
            total = min((available[name] * whole / weights[name] for name in there), default=0.0)
            places = {
                name: min(available[name], math.floor(total * weights[name] / whole + _SLACK))
                if weights[name]
                else 0
                for name in available
            }
        if self.cap is not None:
            places = {name: min(count, self.cap) for name, count in places.items()}
        return places


def _value(row: Row, name: str) -> str:
    match name:
        case "_corpus":
            value = row.origin.corpus
        case "_job_id":
            value = str(row.origin.job_id)
        case "_template":
            value = row.origin.template
        case "_teacher":
            value = row.origin.teacher
        case "_few_shot":
            value = row.origin.few_shot
        case _:
            value = row.fields.get(name)
    if value is None:
        return _MISSING
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def mixed(
    rules: Sequence[MixRule], picks: Sequence[Pick]
) -> tuple[list[Pick], list[dict[str, tuple[int, int]]]]:
    """What stays, in its order; and for each rule, by stratum, how many there were and stayed.

    Each rule chooses among what the ones before left.
    """
    told = []
    for number, rule in enumerate(rules):
        strata: defaultdict[str, list[Pick]] = defaultdict(list)
        for pick in picks:
            strata[pick.strata[number]].append(pick)
        places = rule.places({name: len(there) for name, there in sorted(strata.items())})
        kept: set[int] = set()
        for name, there in strata.items():
            ranked = sorted(there, key=lambda pick: pick.rank)
            kept.update(id(pick) for pick in ranked[: places[name]])
        told.append({name: (len(strata[name]), places[name]) for name in sorted(strata)})
        picks = [pick for pick in picks if id(pick) in kept]
    return list(picks), told
