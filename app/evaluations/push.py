"""From an upload to an immutable version of an evaluation set: all of it or nothing."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.curation.contamination import SHORTEST
from app.curation.passages import passages, words
from app.errors import Invalid, TooLarge
from app.evaluations import store
from app.evaluations.models import EvaluationSet, EvaluationVersion
from app.names import Ref
from app.uploads.bad import bad
from app.uploads.formats import Format
from app.uploads.receive import Placed, received
from app.uploads.store import copy

MOST_WORDS = 5_000_000
"""Of one version. Its index takes some 30 bytes for each in every worker: 150 MB."""


async def push(
    session: AsyncSession,
    ref: Ref,
    chunks: AsyncIterator[bytes],
    form: Format,
    fields: Sequence[str] | None,
    *,
    folder: Path,
    most: int,
) -> tuple[EvaluationSet, EvaluationVersion, bool]:
    """A version of what is uploaded, and whether it is new. A retired set is in force again."""
    reading = _Reading(fields)
    async with received(chunks, form, folder=folder, most=most, pick=reading.pick) as spool:
        if not reading.texts:
            raise Invalid(
                "evaluation.no_text",
                f"no text of {SHORTEST} words or more is in what was sent: nothing to compare with",
            )
        found = await store.lock(session, ref)
        await store.retire(session, found.id, retired=False)
        await session.refresh(found)
        known = await store.with_digest(session, found.id, spool.digest)
        if known is not None:
            return found, known, False
        version = await store.add(
            session,
            found.id,
            digest=spool.digest,
            items=spool.rows,
            fields=spool.columns,
            texts=reading.texts,
            too_short=reading.too_short,
        )
        await copy(session, "evaluation_item", version.id, spool)
        return found, version, True


@dataclass(slots=True)
class _Reading:
    """What goes by while an upload is laid down."""

    fields: Sequence[str] | None
    texts: int = 0
    too_short: int = 0
    words: int = 0

    def pick(self, rows: Placed) -> Iterator[tuple[str, Any]]:
        """Of each row the fields that count. Raises `Invalid` or `TooLarge`."""
        for number, (where, row) in enumerate(rows):
            kept = self._kept(where, row)
            if isinstance(kept, dict):
                self._count(number, where, kept)
            yield where, kept

    def _kept(self, where: str, row: Any) -> Any:
        if self.fields is None or not isinstance(row, dict):
            return row
        for name in self.fields:
            if name not in row:
                raise bad(where, f"lacks the field {name!r}", hint="Write null where it is empty.")
        return {name: row[name] for name in self.fields}

    def _count(self, number: int, where: str, kept: dict[str, Any]) -> None:
        for passage in passages(number, kept):
            said = len(words(passage.text))
            self.words += said
            if said >= SHORTEST:
                self.texts += 1
            else:
                self.too_short += 1
        if self.words > MOST_WORDS:
            raise TooLarge(
                "evaluation.too_large",
                f"{where}: the items have more than {MOST_WORDS:,} words",
                hint="Name the fields that matter with ?fields=, or make several sets of it.",
            )
