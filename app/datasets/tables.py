"""A data file as it is written: Parquet, or JSON Lines for those who take nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from app.datasets.exporter import Format
from app.datasets.features import Features, arrow_schema
from app.datasets.lengths import Lengths, measured


@dataclass(frozen=True, slots=True)
class Written:
    """What is to be known of a group of rows."""

    memory: int
    """Bytes, in memory."""
    lengths: dict[str, Lengths]


class Table(Protocol):
    """A file that grows by groups of rows; equal rows in equal groups give equal bytes."""

    def write(self, rows: Sequence[dict[str, Any]]) -> Written: ...

    def close(self) -> None: ...


def table(path: Path, features: Features, form: Format) -> Table:
    return _Parquet(path, features) if form == "parquet" else _JsonLines(path, features)


class _Parquet:
    def __init__(self, path: Path, features: Features) -> None:
        import pyarrow.parquet as pq

        self._writer = pq.ParquetWriter(
            path,
            arrow_schema(features),
            compression="zstd",
            compression_level=3,
            # Synthetic texts differ; a dictionary of them is only built to be given up.
            use_dictionary=False,
            write_page_index=True,
        )

    def write(self, rows: Sequence[dict[str, Any]]) -> Written:
        import pyarrow as pa

        made = pa.Table.from_pylist(list(rows), schema=self._writer.schema)
        self._writer.write_table(made, row_group_size=len(rows))
        return Written(made.nbytes, measured(made))

    def close(self) -> None:
        self._writer.close()


class _JsonLines:
    """Members in the order of the columns, letters as themselves, no spaces."""

    def __init__(self, path: Path, features: Features) -> None:
        self._names = tuple(features)
        self._schema = arrow_schema(features)
        self._file = path.open("wb")

    def write(self, rows: Sequence[dict[str, Any]]) -> Written:
        import pyarrow as pa

        lines = (orjson.dumps({name: row[name] for name in self._names}) for row in rows)
        size = self._file.write(b"".join(line + b"\n" for line in lines))
        made = pa.Table.from_pylist(list(rows), schema=self._schema)
        return Written(size, measured(made))

    def close(self) -> None:
        self._file.close()
