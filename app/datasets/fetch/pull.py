"""Bring a version to a folder: every byte checked, broken downloads resumed, nothing twice."""

import hashlib
import os
import shutil
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from threading import Lock
from urllib.parse import quote

import httpx
import orjson

from app.datasets.fetch.folder import (
    PARTS,
    in_place,
    made_room,
    moved,
    of_splits,
    pulled_before,
    refuse_strangers,
    remove_others,
)
from app.datasets.manifest import MANIFEST, FileEntry, Manifest, PublishedManifest
from app.errors import AppError, Invalid, NotFound, Unavailable
from app.names import Ref

_AT_ONCE = 4
_BLOCK = 1 << 20

Report = Callable[[int, int], None]
"""Told the bytes that are in place and all bytes of the version; by several threads, in turn."""
Warn = Callable[[str], None]
"""Told that what an earlier pull brought was withdrawn since."""


def pull(
    client: httpx.Client,
    ref: Ref,
    directory: Path | None = None,
    *,
    splits: Collection[str] = (),
    report: Report | None = None,
    warn: Warn | None = None,
) -> Path:
    """The folder that holds this version, or the latest: `directory`, or one named for it.

    Files that are there with the right bytes are not transferred; those of another version pulled
    into the same folder are removed. A download that breaks off is resumed, now while it gets on,
    else by the next pull. With `splits` only their files come, without the card, which would have
    loaders look for the others.

    Raises `AppError` for what the API refuses, as a version that was withdrawn, `Conflict` for a
    folder that holds something else, `Unavailable` for bytes that are not those of the manifest.
    """
    manifest = _manifest(client, ref, directory)
    wanted = _of_splits(manifest, splits)
    folder = directory or Path(f"{ref.name}-v{manifest.version}")
    before = pulled_before(folder)
    if not (folder / PARTS).is_dir():  # else a pull has begun here
        refuse_strangers(folder, before, manifest)
    folder.mkdir(parents=True, exist_ok=True)
    if before is not None and warn is not None and before.version != manifest.version:
        _tell_if_withdrawn(client, before, warn)
    counted = _Counted(sum(entry.size for entry in wanted), report)
    missing = [
        entry
        for entry in wanted
        if not in_place(folder, entry) and not moved(folder, before, manifest, entry)
    ]
    remove_others(folder, before, wanted)
    for entry in wanted:
        counted.at(entry, 0 if entry in missing else entry.size)
    url = f"/v1/datasets/{ref.namespace}/{ref.name}/versions/{manifest.version}/files/"
    # The manifest comes last: a folder that has it has everything.
    data = [entry for entry in missing if entry.path != MANIFEST]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting = [pool.submit(_fetch, client, url, folder, entry, counted) for entry in data]
        try:
            for each in waiting:
                each.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    for entry in missing:
        if entry.path == MANIFEST:
            _fetch(client, url, folder, entry, counted)
    shutil.rmtree(folder / PARTS, ignore_errors=True)
    return folder


def _of_splits(manifest: PublishedManifest, splits: Collection[str]) -> list[FileEntry]:
    if unknown := [name for name in splits if name not in manifest.splits]:
        raise NotFound(
            "dataset.split_not_found",
            f"version {manifest.version} of {manifest.dataset} has no split {unknown[0]!r}",
            hint=f"It has {', '.join(manifest.splits)}.",
        )
    return of_splits(manifest.files, splits)


class _Counted:
    """How much is in place, over all files."""

    def __init__(self, total: int, report: Report | None) -> None:
        self._total = total
        self._report = report
        self._at: dict[str, int] = {}
        self._turn = Lock()

    def at(self, entry: FileEntry, size: int) -> None:
        with self._turn:
            self._at[entry.path] = size
            if self._report is not None:
                self._report(sum(self._at.values()), self._total)


def _manifest(client: httpx.Client, ref: Ref, directory: Path | None) -> PublishedManifest:
    version = ref.version or "latest"
    url = f"/v1/datasets/{ref.namespace}/{ref.name}/versions/{version}/manifest"
    answer = client.get(url)
    if not answer.is_success:
        refused = _refused(answer)
        holding = directory or Path(f"{ref.name}-v{version}")
        earlier = pulled_before(holding)
        if refused.code == "dataset.withdrawn" and earlier and earlier.version == ref.version:
            refused.hint = f"{holding} still holds it. {refused.hint}"
        raise refused
    manifest = PublishedManifest.model_validate_json(answer.content)
    for entry in manifest.files:
        path = PurePosixPath(entry.path)
        if path.is_absolute() or ".." in path.parts or path.parts[0] == PARTS:
            raise Invalid.at("/files", "should have paths within the folder", entry.path)
    return manifest


def _refused(answer: httpx.Response) -> AppError:
    try:
        problem = orjson.loads(answer.content)
        return AppError(problem["code"], problem["detail"], hint=problem["hint"])
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return AppError("pull.failed", f"{answer.status_code} from {answer.url}")


def _tell_if_withdrawn(client: httpx.Client, earlier: Manifest, warn: Warn) -> None:
    answer = client.get(f"/v1/datasets/{earlier.dataset}/versions/{earlier.version}")
    because = orjson.loads(answer.content).get("withdrawn_because") if answer.is_success else None
    if because is not None:
        warn(f"{earlier.dataset}@{earlier.version}, which was here, was withdrawn: {because}")


def _fetch(
    client: httpx.Client, url: str, folder: Path, entry: FileEntry, counted: _Counted
) -> None:
    """One file, tried again for as long as each try brings bytes."""
    part = folder / PARTS / f"{entry.path.replace('/', '--')}.{entry.sha256}"
    part.parent.mkdir(exist_ok=True)
    while True:
        had = part.stat().st_size if part.exists() else 0
        try:
            found = _continue(client, url + quote(entry.path), part, entry, counted)
        except httpx.TransportError:
            if part.exists() and part.stat().st_size > had:
                continue
            raise
        if found != entry.sha256:
            part.unlink()
            raise Unavailable(
                "pull.digest",
                f"{entry.path} arrived with sha256 {found}; the manifest says {entry.sha256}",
                hint="The bytes changed on the way. Pull again; nothing wrong was kept.",
            )
        part.replace(made_room(folder, entry))
        return


def _continue(
    client: httpx.Client, url: str, part: Path, entry: FileEntry, counted: _Counted
) -> str:
    """Add to a part what it lacks; the digest of the whole."""
    with part.open("ab+") as file:
        file.seek(0)
        if os.fstat(file.fileno()).st_size > entry.size:
            file.truncate(0)
        seen = hashlib.sha256()
        while block := file.read(_BLOCK):
            seen.update(block)
        start = file.tell()
        if start == entry.size:
            return seen.hexdigest()
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": f'"{entry.sha256}"'}
        with client.stream("GET", url, headers=headers) as answer:
            if not answer.is_success:
                answer.read()
                raise _refused(answer)
            if start and answer.status_code != httpx.codes.PARTIAL_CONTENT:
                file.truncate(0)
                start, seen = 0, hashlib.sha256()
            for block in answer.iter_raw():  # as it comes: what a buffer holds is lost with a cut
                file.write(block)
                file.flush()
                seen.update(block)
                start += len(block)
                counted.at(entry, start)
    return seen.hexdigest()
