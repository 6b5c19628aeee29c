"""Rows into Parquet shards: bounded memory, and the same bytes for the same rows."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from app.curation.verdict import Record
from app.datasets.exporter import Exporter, Row
from app.datasets.features import Features, Misfit
from app.datasets.files import Files
from app.datasets.lengths import Lengths, added
from app.datasets.statistics.values import Counted, Values
from app.datasets.tables import Table, table
from app.errors import Conflict


@dataclass(frozen=True, slots=True)
class Sizes:
    """Where row groups and shards end. Rows decide, never the pages they came in."""

    group_rows: int = 2_000
    group_characters: int = 16 << 20
    shard_rows: int = 25_000
    """Of about 1.5 kB they make 10 MB; trainers fetch shards side by side."""
    shard_characters: int = 512 << 20


@dataclass(frozen=True, slots=True)
class Shard:
    split: str
    sha256: str
    size: int
    rows: int
    memory: int
    """Bytes of its rows in memory, which a dataset card states."""
    lengths: dict[str, Lengths]
    values: Counted
    """Its rows by value, of the fields that have few."""


@dataclass(slots=True)
class _Open:
    """The shard of one split that is being written."""

    path: Path
    writer: Table
    rows: int = 0
    characters: int = 0
    memory: int = 0
    lengths: dict[str, Lengths] = field(default_factory=dict)
    values: Values = field(default_factory=Values)
    records: list[Record] = field(default_factory=list)
    """Of the rows that wait."""
    waiting: list[dict[str, Any]] = field(default_factory=list)
    waiting_characters: int = 0


class ShardWriter:
    """Takes rows in their order. Its calls block: make them in a thread, one at a time."""

    def __init__(
        self,
        files: Files,
        exporter: Exporter,
        columns: Features,
        sizes: Sizes = Sizes(),
    ) -> None:
        self._files = files
        self._exporter = exporter
        self._columns = columns
        self._features = exporter.features(columns)
        self._sizes = sizes
        self._open: dict[str, _Open] = {}
        self._done: list[Shard] = []
        self._turn = Lock()

    def add(self, rows: Iterable[tuple[Row, str]]) -> None:
        """Each with its split. Raises `Conflict` for a record that its columns cannot hold."""
        with self._turn:
            for row, split in rows:
                self._add(row, split)

    def take(self, shard: Shard) -> None:
        """One that is stored already comes next in its split."""
        self.close(shard.split)
        self._done.append(shard)

    def close(self, split: str) -> None:
        """End the shard of a split, however few rows it has."""
        with self._turn:
            if split in self._open:
                self._close(split)

    def finish(self) -> list[Shard]:
        """Close what is open. Afterwards every shard is stored under its digest."""
        with self._turn:
            for split in sorted(self._open):
                self._close(split)
            return self._done

    def abandon(self) -> None:
        """Leave nothing half-written behind; harmless after `finish`."""
        with self._turn:
            for opened in self._open.values():
                with suppress(OSError):
                    opened.writer.close()
                opened.path.unlink(missing_ok=True)
            self._open.clear()

    def _add(self, row: Row, split: str) -> None:
        opened = self._open.get(split)
        if opened is None:
            opened = self._open[split] = self._begin()
        try:
            opened.waiting.append(self._exporter(row, self._features))
        except Misfit as error:
            raise Conflict(
                "dataset.misfit",
                f"record {row.id} cannot be published: {error}",
                hint="A `records` layout with `fields` can leave the column out.",
            ) from None
        opened.records.append(row.fields)
        opened.waiting_characters += row.size
        opened.rows += 1
        opened.characters += row.size
        sizes = self._sizes
        if opened.rows >= sizes.shard_rows or opened.characters >= sizes.shard_characters:
            self._close(split)
        elif (
            len(opened.waiting) >= sizes.group_rows
            or opened.waiting_characters >= sizes.group_characters
        ):
            _write_group(opened)

    def _begin(self) -> _Open:
        path = self._files.incoming()
        return _Open(path, table(path, self._features, self._exporter.format))

    def _close(self, split: str) -> None:
        opened = self._open[split]
        if opened.waiting:
            _write_group(opened)
        opened.writer.close()
        stored = self._files.keep(opened.path)
        del self._open[split]
        self._done.append(
            Shard(
                split,
                stored.sha256,
                stored.size,
                opened.rows,
                opened.memory,
                opened.lengths,
                opened.values.counts,
            )
        )


def _write_group(opened: _Open) -> None:
    written = opened.writer.write(opened.waiting)
    opened.memory += written.memory
    opened.lengths = added((opened.lengths, written.lengths))
    opened.values.add(opened.records)
    opened.waiting, opened.records = [], []
    opened.waiting_characters = 0
