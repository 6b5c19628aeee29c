"""Whether the owners of the teachers behind a version let others train on what they said."""

from collections.abc import Collection, Iterable

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from app.datasets.exporter import Origin
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


async def check(session: AsyncSession, origins: Iterable[Origin]) -> None:
    """Raises `Conflict` if one of the selected records was made by such a teacher. To be called
    before anything is written.
    """
    names = {origin.teacher for origin in origins if origin.teacher is not None}
    found = {name: await teachers.find(session, Ref.parse(name)) for name in sorted(names)}
    forbidden = [
        name
        for name, teacher in found.items()
        if teacher is not None and teacher.training == FORBIDDEN
    ]
    if forbidden:
        raise refusal(forbidden)


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
