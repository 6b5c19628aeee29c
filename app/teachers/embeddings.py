"""From the bytes of an embeddings reply to vectors, trusting nothing in them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.teachers.failures import AttemptFailed

Vectors = NDArray[np.float32]
"""A row for each text, of length 1: the product of two is their cosine."""


def vectors(reply: dict[str, Any], count: int) -> Vectors:
    """The vectors of `count` texts, by index. Raises `AttemptFailed` where it has not just these,
    or where they are not of one size.
    """
    data = reply.get("data")
    if not isinstance(data, list) or len(data) != count:
        seen = len(data) if isinstance(data, list) else "no"
        raise _bad(f"{seen} vectors came back instead of {count}")
    rows: dict[int, Any] = {}
    for place, row in enumerate(data):
        index = row.get("index", place) if isinstance(row, dict) else None
        if type(index) is not int or not 0 <= index < count or index in rows:
            raise _bad("the vectors are not numbered from 0")
        rows[index] = row.get("embedding")
    try:
        made = np.array([rows[index] for index in range(count)], dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise _bad("what came back is not numbers, as many for each text") from error
    if made.ndim != 2 or not made.shape[1]:  # noqa: PLR2004  (rows of numbers)
        raise _bad("what came back is not vectors")
    lengths = np.linalg.norm(made, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise _bad("a vector has no direction")
    unit: Vectors = (made / lengths).astype(np.float32)
    return unit


def _bad(why: str) -> AttemptFailed:
    return AttemptFailed("teacher.bad_reply", why)
