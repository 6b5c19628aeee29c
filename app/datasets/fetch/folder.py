"""A folder that a version was pulled into, or is about to be: what is there, and whose it is."""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath

from app.datasets.manifest import MANIFEST, FileEntry, Manifest, commit_of
from app.errors import Conflict, NotFound

PARTS = ".parts"
"""Unfinished downloads, each named by the digest it is to have."""
_NAMED = 5


def pulled_before(folder: Path) -> Manifest | None:
    """What an earlier pull, of any version, put here."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None


def in_place(folder: Path, entry: FileEntry) -> bool:
    path = folder / entry.path
    return path.is_file() and path.stat().st_size == entry.size and _digest(path) == entry.sha256


def refuse_strangers(folder: Path, before: Manifest | None, manifest: Manifest) -> None:
    """Raises `Conflict` where a pull would write over what no pull brought, or leave data beside
    it that would be loaded as a part of the version.
    """
    if before is not None and before.dataset != manifest.dataset:
        raise Conflict(
            "pull.folder",
            f"{folder} holds {before.dataset}@{before.version}, another dataset",
            hint="Pull into another folder, or remove this one.",
        )
    known = {entry.path for entry in before.files} if before is not None else set()
    known.add(MANIFEST)
    strange = [
        entry.path
        for entry in manifest.files
        if entry.path not in known
        and (folder / entry.path).exists()
        and not in_place(folder, entry)
    ]
    strange += sorted(_data(folder) - known - {entry.path for entry in manifest.files})
    if strange:
        more = f" and {len(strange) - _NAMED} more" if len(strange) > _NAMED else ""
        raise Conflict(
            "pull.folder",
            f"{folder} has files that no pull brought: {', '.join(strange[:_NAMED])}{more}",
            hint="Pull into another folder, or move them away.",
        )


def moved(folder: Path, before: Manifest | None, manifest: Manifest, entry: FileEntry) -> bool:
    """Whether another version had these bytes under a name that is no longer used."""
    used = {each.path for each in manifest.files}
    for old in before.files if before is not None else ():
        if old.sha256 == entry.sha256 and old.path not in used and in_place(folder, old):
            (folder / old.path).replace(made_room(folder, entry))
            return True
    return False


def remove_others(folder: Path, before: Manifest | None, wanted: Iterable[FileEntry]) -> None:
    """Shards of an earlier version would be loaded together with these."""
    kept = {entry.path for entry in wanted}
    for entry in before.files if before is not None else ():
        if entry.path not in kept and ".." not in PurePosixPath(entry.path).parts:
            (folder / entry.path).unlink(missing_ok=True)


def made_room(folder: Path, entry: FileEntry) -> Path:
    path = folder / entry.path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def verify(folder: Path, splits: Collection[str] = ()) -> tuple[Manifest, str, list[str]]:
    """Hold a pulled folder against its own manifest, without asking anybody: the manifest, the
    commit that these files have, and what is wrong with the files, or with those of `splits`. The
    commit is to be compared with the API's: whoever changes files may change the manifest too.
    """
    manifest = pulled_before(folder)
    if manifest is None:
        raise NotFound(
            "pull.no_manifest",
            f"{folder} has no {MANIFEST} of a dataset version",
            hint="`limbeck dataset pull` makes such a folder.",
        )
    path = folder / MANIFEST
    itself = FileEntry(path=MANIFEST, sha256=_digest(path), size=path.stat().st_size)
    return manifest, commit_of([*manifest.files, itself]), list(_wrong(folder, manifest, splits))


def _wrong(folder: Path, manifest: Manifest, splits: Collection[str]) -> Iterator[str]:
    for entry in of_splits(manifest.files, splits):
        if not (folder / entry.path).is_file():
            yield f"{entry.path} is missing"
        elif not in_place(folder, entry):
            yield f"{entry.path} has other bytes"
    for path in sorted(_data(folder) - {entry.path for entry in manifest.files}):
        yield f"{path} is not a part of the version"


def of_splits(files: Iterable[FileEntry], splits: Collection[str]) -> list[FileEntry]:
    """The files of these splits and the manifest; all files where no split is named."""
    return [each for each in files if not splits or each.split in splits or each.path == MANIFEST]


def _data(folder: Path) -> set[str]:
    """Everything under `data/`, which is what loaders read."""
    found = (folder / "data").rglob("*")
    return {path.relative_to(folder).as_posix() for path in found if path.is_file()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
