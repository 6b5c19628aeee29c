"""Numbers on their way to Postgres, as the bytes of an array.

psycopg looks at every number of a list for its type, then writes one after the other: 7 µs for the
twenty bands of a record. Said beforehand and written all at once it is a tenth of that.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format

_INT8 = 20
_INT8_ARRAY = 1016
_HEAD = struct.Struct("!iiIii")
"""Dimensions, whether any is null, the type, how many there are, what the first one is called."""
_NONE = struct.pack("!iiI", 0, 0, _INT8)
_ROW = np.dtype([("length", ">i4"), ("value", ">i8")])


class Int8s:
    """Stands for a parameter that is an `int8[]`."""

    __slots__ = ("written",)

    def __init__(self, values: Sequence[int] | np.ndarray[Any, Any]) -> None:
        rows = np.empty(len(values), dtype=_ROW)
        rows["length"] = 8
        rows["value"] = values
        self.written = (
            _HEAD.pack(1, 0, _INT8, len(rows), 1) + rows.tobytes() if len(rows) else _NONE
        )


class _AsWritten(Dumper):
    format = Format.BINARY
    oid = _INT8_ARRAY

    def dump(self, obj: Int8s) -> Buffer:
        return obj.written


def register(adapters: AdaptersMap) -> None:
    adapters.register_dumper(Int8s, _AsWritten)
