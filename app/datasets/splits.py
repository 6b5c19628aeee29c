"""Which split a row belongs to: by a hash, so it is the same in every version."""

import hashlib
import math
from bisect import bisect_right
from typing import Annotated, Literal, Self

from pydantic import Field, RootModel, StringConstraints, model_validator

from app.datasets.exporter import Row
from app.digest import canonical

SplitName = Annotated[str, StringConstraints(pattern=r"^[a-z](?:[a-z0-9_]{0,30}[a-z0-9])?$")]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
By = Literal["seed", "cluster", "row"]

TRAIN = "train"
_WHOLE = 2**64
_SIGN = 2**63


class Splits(RootModel[dict[SplitName, Share | By]], frozen=True):
    """Shares by name, which add up to 1, and under `by` what stays together: the rows of one
    `seed` row (the default; a row without one stands alone), near-duplicates in a `cluster`, or
    nothing (`row`).
    """

    root: dict[SplitName, Share | By] = Field(
        default={TRAIN: 1.0},
        min_length=1,
        max_length=17,
        examples=[{"train": 0.95, "validation": 0.05}, {"train": 0.9, "test": 0.1, "by": "seed"}],
    )

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        for name, value in self.root.items():
            if (name == "by") != isinstance(value, str):
                what = "seed, cluster or row" if name == "by" else "a share"
                raise ValueError(f"{name} should be {what}")
        if not self.shares:
            raise ValueError("should have a split")
        total = math.fsum(self.shares.values())
        if abs(total - 1) > 1e-6:  # noqa: PLR2004
            raise ValueError(f"the shares should add up to 1, and add up to {total:g}")
        return self

    @classmethod
    def of(cls, shares: dict[str, float], by: str | None) -> Self:
        return cls.model_validate({**shares, "by": by or "seed"})

    @property
    def by(self) -> By:
        said = self.root.get("by", "seed")
        return said if isinstance(said, str) else "seed"

    @property
    def shares(self) -> dict[str, float]:
        """In the one order that decides: train first, then by name. JSON objects keep none."""
        shares = {name: share for name, share in self.root.items() if not isinstance(share, str)}
        return dict(sorted(shares.items(), key=lambda item: (item[0] != TRAIN, item[0])))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.shares)

    def bounds(self) -> tuple[int, ...]:
        """Where each split but the first begins, out of 2**64."""
        shares = list(self.shares.values())
        return tuple(round(math.fsum(shares[:n]) * _WHOLE) for n in range(1, len(shares)))


class Sorter:
    """Puts keys into splits."""

    def __init__(self, splits: Splits) -> None:
        self._names = splits.names
        self._bounds = splits.bounds()

    def __call__(self, key: int) -> str:
        return self._names[bisect_right(self._bounds, key % _WHOLE)]


def hashed(content: bytes) -> int:
    """What stands for a seed row, or for a row's own content: a signed 64-bit number."""
    made = hashlib.blake2b(content, digest_size=8, person=b"limbeck-split").digest()
    place = int.from_bytes(made)
    return place - _WHOLE if place >= _SIGN else place


def group(row: Row) -> bytes:
    """Rows with the same content here share a split: those of one seed row, wherever it was
    sown.
    """
    sown = {name: row.fields[name] for name in row.origin.seed_columns if name in row.fields}
    return canonical(sown) if sown else row.digest
