"""Rows of a version out of its stored files, a row group at a time: memory does not grow with it.

Its calls block: they are made in a thread.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from app.datasets.files import Files
from app.datasets.manifest import FileEntry

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_AT_ONCE = 500
"""Rows turned to JSON at a time. A record has at most 256 KiB, so 128 MiB in the worst case."""


def lines(files: Files, shards: Sequence[FileEntry], start: int, stop: int) -> Iterator[bytes]:
    """Rows `start` to `stop` of these shards together, each as JSON with a line's end, in blocks.

    Keys come in the order of the columns, every column in every row: what `load_dataset` gives.
    Each shard is verified before its first row is read. Raises `Unavailable` for one that is not
    what was published.
    """
    first = 0
    for shard in shards:
        end = first + (shard.rows or 0)
        if first < stop and start < end:
            path = files.verified(shard.sha256, shard.size)
            read = _lines if shard.path.endswith(".jsonl") else _of
            yield from read(path, max(start - first, 0), min(stop, end) - first)
        first = end


def _lines(path: Path, start: int, stop: int) -> Iterator[bytes]:
    """They are JSON already."""
    with path.open("rb") as file:
        wanted = islice(file, start, stop)
        while block := b"".join(islice(wanted, _AT_ONCE)):
            yield block


def _of(path: Path, start: int, stop: int) -> Iterator[bytes]:
    with _opened(path) as file:
        first = 0
        for number in range(file.num_row_groups):
            end = first + file.metadata.row_group(number).num_rows
            if first < stop and start < end:
                yield from _group(file, number, max(start - first, 0), min(stop, end) - first)
            first = end


def _group(file: "pq.ParquetFile", number: int, start: int, stop: int) -> Iterator[bytes]:
    table = file.read_row_group(number, use_threads=False).slice(start, stop - start)
    for batch in table.to_batches(max_chunksize=_AT_ONCE):
        rows = (orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in batch.to_pylist())
        yield b"".join(rows)


@contextmanager
def _opened(path: Path) -> Iterator["pq.ParquetFile"]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        yield file
