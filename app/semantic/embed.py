"""A corpus's records become vectors, some at a time; what was stored is never asked for again."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from app.db import Database
from app.semantic import store, vectors
from app.semantic.models import SemanticReport
from app.teachers.client import TeacherClient
from app.teachers.failures import RequestRefused, TeacherMisconfigured

TEXTS = 64
"""To one request. Servers of embeddings take their time by tokens, not by requests."""
AT_ONCE = 4
"""Requests in flight: embedding keeps out of the way of jobs with the same teacher."""
DEADLINE = 120.0
"""Seconds for one of them."""

Made = list[tuple[UUID, NDArray[np.float32] | None]]


async def embed_some(
    database: Database, client: TeacherClient, report: SemanticReport, after: UUID | None
) -> UUID | None:
    """Embed the next records that lack a vector; answers the last one, or nothing if none did.

    Raises a `TeacherFailure`; what had been embedded by then is stored.
    """
    async with database.unit_of_work() as session:
        rows = await vectors.lacking(session, report.corpus_id, after, TEXTS * AT_ONCE)
    if not rows:
        return None
    texts = [(one, text_of(fields, report.fields)) for one, fields in rows]
    parts = [texts[at : at + TEXTS] for at in range(0, len(texts), TEXTS)]
    done = await asyncio.gather(*(_embed(client, part) for part in parts), return_exceptions=True)
    made = [row for part in done if not isinstance(part, BaseException) for row in part]
    failures = [part for part in done if isinstance(part, BaseException)]
    if made:
        await _keep(database, report, made)
    for failure in failures:
        raise failure
    return texts[-1][0]


async def _keep(database: Database, report: SemanticReport, made: Made) -> None:
    async with database.unit_of_work() as session:
        held = await store.lock(session, report.corpus_id)
        if held is None or held.edition != report.edition:
            return
        size = await vectors.dimensions(session, report.corpus_id)
        for vector in (vector for _, vector in made if vector is not None):
            size = size or len(vector)
            if len(vector) != size or size > vectors.MOST_DIMENSIONS:
                most = f"{size} to be compared with" if len(vector) != size else "16,000 at most"
                why = f"it gave vectors of {len(vector)} numbers, where they should have {most}"
                raise TeacherMisconfigured("teacher.bad_reply", why)
        await vectors.add(session, report.corpus_id, report.model, made)


async def _embed(client: TeacherClient, part: Sequence[tuple[UUID, str]]) -> Made:
    """A text that the teacher refuses, for its length mostly, has no vector; its neighbours do."""
    told = [(one, text) for one, text in part if text.strip()]
    made: Made = [(one, None) for one, text in part if not text.strip()]
    if not told:
        return made
    try:
        found = await client.embed([text for _, text in told], deadline=DEADLINE)
    except RequestRefused:
        if len(told) == 1:
            return [*made, (told[0][0], None)]
        half = len(told) // 2
        return made + await _embed(client, told[:half]) + await _embed(client, told[half:])
    return made + [(one, vector) for (one, _), vector in zip(told, found, strict=True)]


def text_of(fields: dict[str, Any], names: Sequence[str]) -> str:
    """What is embedded: the fields as they were written, one after another."""
    values = (fields.get(name) for name in names)
    return "\n".join(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for value in values
        if value is not None
    )
