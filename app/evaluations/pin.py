"""Which evaluation sets a document means: each with its version, as it is now."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Invalid
from app.evaluations import store
from app.names import Ref, found_as

MOST_NAMED = 100


async def pinned(
    session: AsyncSession, namespace: str, named: Sequence[Ref] | None, at: str
) -> tuple[Ref, ...]:
    """Those named, or all that are in force in the namespace if none are said.

    Raises `Invalid` for a name that stands for nothing; `at` is where the names are written.
    """
    if named is not None and len(named) > MOST_NAMED:
        raise Invalid.at(at, f"should name at most {MOST_NAMED} evaluation sets", len(named))
    if named is None:
        found = await store.in_force(session, namespace)
        return tuple(Ref(one.namespace, one.name, v.version) for one, v in found)
    refs = []
    for number, ref in enumerate(named):
        one, version = await found_as(f"{at}/{number}", ref, store.get(session, ref))
        refs.append(Ref(one.namespace, one.name, version.version))
    return tuple(dict.fromkeys(refs))
