"""What a version leaves out because an older row means the same, by its corpus's report."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.datasets.ground import Ground
from app.datasets.manifest import SemanticEntry
from app.datasets.pick import Pick
from app.datasets.sieve import Tally
from app.semantic.schemas import SemanticLimit
from app.semantic.screen import Screen, screen


async def screened(
    session: AsyncSession,
    ground: Ground,
    limit: SemanticLimit | None,
    picks: list[Pick],
    tally: Tally,
) -> tuple[list[Pick], SemanticEntry | None]:
    """What is left, and what the manifest says of it. A report is one corpus's: rows of different
    corpora are not compared.
    """
    if limit is None:
        return picks, None
    screens: dict[UUID, Screen] = {}
    for corpus in ground.corpora:
        screens[corpus.id] = await screen(session, corpus.id, limit)
    kept = [pick for pick in picks if _passes(screens[pick.corpus_id], pick, tally)]
    return kept, _entry(list(screens.values()), limit)


def _passes(apart: Screen, pick: Pick, tally: Tally) -> bool:
    alike = apart.left_out["alike"]
    if apart.passes(pick.id):
        return True
    tally.leave_out(pick.id, "alike" if apart.left_out["alike"] > alike else "not_compared")
    return False


def _entry(screens: Sequence[Screen], limit: SemanticLimit) -> SemanticEntry:
    return SemanticEntry(
        model=", ".join(sorted({each.model for each in screens})),
        max_similarity=limit.max_similarity,
        alike=sum(each.left_out["alike"] for each in screens),
        not_compared=sum(each.left_out["not_compared"] for each in screens),
    )
