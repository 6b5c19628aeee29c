"""Withdraw a version: it stays known, with the reason, and its files are not served any more."""

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.datasets import store
from app.datasets.models import DatasetVersion
from app.errors import Conflict, Gone, NotFound
from app.names import Ref

log = structlog.stdlib.get_logger(__name__)


async def withdraw(session: AsyncSession, ref: Ref, because: str, by: str) -> DatasetVersion:
    """Once and for good; saying the same reason again changes nothing. The number stays taken.

    Raises `NotFound` for a version that there is not, `Conflict` for one that was withdrawn for
    another reason.
    """
    found = await store.find(session, ref)
    if found is not None:
        await store.lock(session, found[0].id)
    version = found and await store.version(session, found[0].id, ref.version)
    if version is None:
        raise NotFound("dataset.version_not_found", f"there is no dataset version {ref}")
    if version.withdrawn_at is None:
        version.withdrawn_at = await store.moment(session)
        version.withdrawn_because = because
        log.warning("version withdrawn", version=str(ref), by=by, because=because[:200])
    elif version.withdrawn_because != because:
        raise Conflict(
            "dataset.withdrawn_before",
            f"{ref} was withdrawn already: {version.withdrawn_because}",
            hint="A reason that clients have been told stays.",
        )
    return version


async def refuse_withdrawn(session: AsyncSession, ref: Ref, version: DatasetVersion) -> None:
    """Raises `Gone`, with the reason, for a version that was withdrawn."""
    if version.withdrawn_at is None:
        return
    newest = await store.newest(session, version.dataset_id)
    named = Ref(ref.namespace, ref.name, version.version)
    raise Gone(
        "dataset.withdrawn",
        f"{named} was withdrawn on {version.withdrawn_at:%Y-%m-%d}: {version.withdrawn_because}",
        hint="No other version of it can be had."
        if newest is None
        else f"The newest version that can be had is {newest}.",
    )
