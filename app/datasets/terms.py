"""Whether the owners of the teachers behind a version let others train on what they said."""

from collections.abc import Collection, Mapping
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.selection import Selection
from app.datasets.exporter import Origin
from app.datasets.provenance import store
from app.errors import Conflict
from app.names import Ref
from app.teachers import store as teachers

FORBIDDEN = "forbidden"


class TermsOverride(BaseModel, frozen=True, extra="forbid"):
    """Publish what a teacher said whose terms forbid training on it."""

    reason: str = Field(
        min_length=1, max_length=2_000, examples=["Licensed to us by the contract of 3 May."]
    )
    """Why that is right here. The card of the version states it, and who said so."""


async def check(
    session: AsyncSession,
    corpus_id: UUID,
    selection: Selection,
    known: Mapping[UUID, Origin],
    jobs: Collection[UUID] | None,
) -> None:
    """Raises `Conflict` if a selected record was made by such a teacher. A selection without any
    costs one look at the teachers; to be called before anything is written.
    """
    forbidden = await _forbidden(session, known)
    asked = [
        job
        for job, origin in known.items()
        if origin.teacher in forbidden and (jobs is None or job in jobs)
    ]
    if asked and (behind := await store.behind(session, corpus_id, asked, selection)):
        raise refusal({known[job].teacher or "" for job in behind})


async def _forbidden(session: AsyncSession, known: Mapping[UUID, Origin]) -> set[str]:
    names = {origin.teacher for origin in known.values() if origin.teacher is not None}
    found = {name: await teachers.find(session, Ref.parse(name)) for name in sorted(names)}
    return {
        name
        for name, teacher in found.items()
        if teacher is not None and teacher.training == FORBIDDEN
    }


def refusal(names: Collection[str]) -> Conflict:
    said = ", ".join(sorted(names))
    return Conflict(
        "dataset.terms",
        f"the terms of {said} forbid training on what it says"
        if len(names) == 1
        else f"the terms of {said} forbid training on what they say",
        hint="Leave their records out of the selection, or say with `terms_override` why they may "
        "be published all the same; the card states it.",
    )
