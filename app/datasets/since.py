"""What changed since the version before, in words."""

from collections.abc import Collection, Iterator

from app.datasets.manifest import BeforeEntry, Manifest, PublishedManifest


def since(before: PublishedManifest, now: Manifest) -> BeforeEntry:
    return BeforeEntry(
        version=before.version,
        commit=before.commit,
        rows=before.rows,
        published_at=before.published_at,
        changes=list(_changes(before, now)),
    )


def _changes(before: Manifest, now: Manifest) -> Iterator[str]:
    old, new = ({each.job for each in manifest.sources} for manifest in (before, now))
    yield from _moved("job", len(new - old), len(old - new))
    if before.provenance is not None and now.provenance is not None:
        for what, part in (
            ("teacher", "teachers"),
            ("template", "templates"),
            ("few-shot set", "few_shot_sets"),
        ):
            yield from _named(
                what,
                {each.name for each in getattr(before.provenance, part)},
                {each.name for each in getattr(now.provenance, part)},
            )
    if before.layout != now.layout:
        yield f"another layout: {before.layout['name']} became {now.layout['name']}"
    if before.features != now.features:
        yield "other columns: " + ", ".join(now.features)
    if before.selection != now.selection:
        yield "another selection of records"
    shared = {each.sha256 for each in before.files if each.split is not None}
    here = [each for each in now.files if each.split is not None]
    same = sum(each.sha256 in shared for each in here)
    yield f"{same} of {len(here)} data files are those of version {before.version}"


def _moved(what: str, more: int, fewer: int) -> Iterator[str]:
    if more:
        yield f"rows of {more:,} more {what}{'s' * (more > 1)}"
    if fewer:
        yield f"no rows any more of {fewer:,} {what}{'s' * (fewer > 1)}"


def _named(what: str, old: Collection[str], new: Collection[str]) -> Iterator[str]:
    for name in sorted(set(new) - set(old)):
        yield f"a {what} more: {name}"
    for name in sorted(set(old) - set(new)):
        yield f"a {what} less: {name}"
