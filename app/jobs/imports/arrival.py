"""An upload for a corpus: received, read under the corpus's names, and laid down in a file."""

import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.errors import Invalid
from app.uploads.bad import bad
from app.uploads.formats import Format
from app.uploads.receive import Placed, received
from app.uploads.spool import Spool

_KINDS = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    dict: "object",
    list: "array",
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """All of a file, before the database hears of it."""

    spool: Spool
    form: Format
    sha256: str
    """Of the bytes as they were sent."""
    columns: Mapping[str, str]
    """Where each column of the file goes."""
    kinds: Mapping[str, str]
    """By the corpus's names: the JSON type that every row has there, or `any`."""


@asynccontextmanager
async def arrived(
    chunks: AsyncIterator[bytes],
    form: Format,
    columns: Mapping[str, str] | None,
    *,
    folder: Path,
    most: int,
) -> AsyncIterator[Arrival]:
    """The upload, until the block ends. Raises `Invalid` at its first bad row, naming its place.

    `columns` says where each column of the file goes, and leaves out the others; without it all
    stay what they are.
    """
    _check(columns)
    digest = hashlib.sha256()

    async def passing() -> AsyncIterator[bytes]:
        async for chunk in chunks:
            digest.update(chunk)
            yield chunk

    rows = _Rows(columns)
    async with received(passing(), form, folder=folder, most=most, pick=rows.read) as spool:
        yield Arrival(
            spool=spool,
            form=form,
            sha256=digest.hexdigest(),
            columns=columns or {name: name for name in spool.columns},
            kinds=rows.kinds,
        )


def _check(columns: Mapping[str, str] | None) -> None:
    goals = list((columns or {}).values())
    if twice := next((goal for goal in goals if goals.count(goal) > 1), None):
        raise Invalid.at("query.columns", f"should lead one column only to {twice!r}", twice)
    if columns is not None and not columns:
        raise Invalid.at("query.columns", "should name a column, or be left out")


@dataclass(slots=True)
class _Rows:
    """The rows under the corpus's names, the type of each column noted as they pass."""

    columns: Mapping[str, str] | None
    kinds: dict[str, str] = field(default_factory=dict)

    def read(self, rows: Placed) -> Iterator[tuple[str, Any]]:
        for where, row in rows:
            named = self._named(where, row)
            if isinstance(named, dict):  # whoever lays it down refuses anything else
                for name, value in named.items():
                    kind = _KINDS.get(type(value), "any")
                    self.kinds[name] = _wider(self.kinds.get(name, kind), kind)
            yield where, named

    def _named(self, where: str, row: Any) -> Any:
        if self.columns is None or not isinstance(row, dict):
            return row
        for name in self.columns:
            if name not in row:
                raise bad(where, "lacks a column that is to be imported", name)
        return {goal: row[name] for name, goal in self.columns.items()}


def _wider(one: str, other: str) -> str:
    if one == other:
        return one
    return "number" if {one, other} == {"integer", "number"} else "any"
