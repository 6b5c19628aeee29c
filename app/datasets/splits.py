"""Which split a row belongs to: by a hash, so it is the same in every version."""

import hashlib
import math
from bisect import bisect_right
from typing import Annotated, Self

from pydantic import Field, RootModel, StringConstraints, model_validator

SplitName = Annotated[str, StringConstraints(pattern=r"^[a-z](?:[a-z0-9_]{0,30}[a-z0-9])?$")]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]

_WHOLE = 2**64


class Splits(RootModel[dict[SplitName, Share]], frozen=True):
    """Shares by name, which add up to 1. Rows made from one seed row stay together."""

    root: dict[SplitName, Share] = Field(
        default={"train": 1.0},
        min_length=1,
        max_length=16,
        examples=[{"train": 0.95, "validation": 0.05}],
    )

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        total = math.fsum(self.root.values())
        if abs(total - 1) > 1e-6:  # noqa: PLR2004
            raise ValueError(f"the shares should add up to 1, and add up to {total:g}")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """In the one order that decides: train first, then by name. JSON objects keep none."""
        return dict(sorted(self.root.items(), key=lambda item: (item[0] != "train", item[0])))

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

    def __call__(self, key: bytes) -> str:
        place = int.from_bytes(
            hashlib.blake2b(key, digest_size=8, person=b"limbeck-split").digest()
        )
        return self._names[bisect_right(self._bounds, place)]
