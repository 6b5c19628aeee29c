"""From the words in a URL to the version that they mean, for a caller who may see it."""

from app.datasets.models import DatasetFile
from app.db import Database
from app.hub import store
from app.hub.errors import no_repo, no_revision
from app.hub.names import MAIN, Repo, tag_of
from app.hub.store import Snapshot
from app.web.caller import Caller


async def repo(database: Database, caller: Caller, namespace: str, name: str) -> Repo:
    """Raises `Refused` for one that does not exist, and the same for one that is not theirs."""
    found = Repo.parse(namespace, name)
    unknown = no_repo(
        f"there is no dataset {namespace[:100]}/{name[:100]}, or it is not for this token"
    )
    if found is None or not caller.may_use(found.namespace):
        raise unknown
    if await database.read(lambda session: store.dataset_id(session, found)) is None:
        raise unknown
    return found


async def snapshot(
    database: Database, caller: Caller, namespace: str, name: str, revision: str
) -> tuple[Repo, Snapshot]:
    """Raises `Refused` for a repository or revision that does not exist, and for a version that
    was withdrawn: then with the reason, and as the one error that no client answers from its cache.
    """
    named, found, _ = await file(database, caller, namespace, name, revision, "")
    return named, found


async def file(
    database: Database, caller: Caller, namespace: str, name: str, revision: str, path: str
) -> tuple[Repo, Snapshot, DatasetFile | None]:
    """The same, and the version's file at a path, if there is one."""
    named = Repo.parse(namespace, name)
    if named is not None and caller.may_use(named.namespace):
        found = await _at(database, named, revision, path)
        if found is not None and found[0].withdrawn_at is None:
            return named, *found
        if found is not None:
            raise no_revision(_withdrawn(named, found[0]))
    asked = await repo(database, caller, namespace, name)
    if asked.pinned is not None and await _at(database, asked, MAIN) is None:
        # An alias is a repository only once its version is published.
        raise no_repo(f"{asked.namespace}/{asked.name} has no version {asked.pinned}")
    if revision == MAIN:
        raise no_revision(f"{asked} has no published version yet")
    raise no_revision(f"{asked} has no revision {revision[:100]!r}")


async def _at(
    database: Database, asked: Repo, revision: str, path: str = ""
) -> tuple[Snapshot, DatasetFile | None] | None:
    return await database.read(lambda session: store.at(session, asked, revision, path))


def _withdrawn(asked: Repo, found: Snapshot) -> str:
    which = f"version {tag_of(found.version)} of {asked.namespace}/{asked.name}"
    because = (found.withdrawn_because or "").strip() or "no reason was given"
    return f"{which} was withdrawn: {because}"
