"""The files of a version as a tree of folders."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

from app.datasets.blob import pointer
from app.datasets.models import DatasetFile
from app.hub.info import is_large
from app.hub.names import moment, title_of
from app.hub.store import Snapshot

Entry = dict[str, Any]


def everything(snapshot: Snapshot, files: Sequence[DatasetFile], *, expand: bool) -> list[Entry]:
    """Every file and folder, by path. `expand` adds the commit that last changed each, which is the
    version's own: it is all that one can be asked about.
    """
    folders = {
        str(parent)
        for file in files
        for parent in PurePosixPath(file.path).parents
        if str(parent) != "."
    }
    entries = [_file(each) for each in files] + [_folder(each, files) for each in folders]
    if expand:
        last = {
            "id": snapshot.commit,
            "title": title_of(snapshot.version),
            "date": moment(snapshot.published_at),
        }
        entries = [{**each, "lastCommit": last} for each in entries]
    return sorted(entries, key=lambda each: str(each["path"]))


def _file(file: DatasetFile) -> Entry:
    entry = {"type": "file", "path": file.path, "size": file.size, "oid": file.blob_id}
    if is_large(file):
        size = len(pointer(file.sha256, file.size))
        entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": size}
    return entry


def _folder(path: str, files: Iterable[DatasetFile]) -> Entry:
    inside = "".join(f"{f.path}\0{f.blob_id}\n" for f in files if f.path.startswith(f"{path}/"))
    oid = hashlib.sha1(inside.encode(), usedforsecurity=False).hexdigest()
    return {"type": "directory", "path": path, "size": 0, "oid": oid}


def beneath(entries: Iterable[Entry], folder: str, *, recursive: bool) -> list[Entry] | None:
    """What a folder holds: its children, or all that is under them. Nothing for no folder."""
    if not folder:
        return [each for each in entries if recursive or "/" not in each["path"]]
    known = list(entries)
    if not any(each["path"] == folder and each["type"] == "directory" for each in known):
        return None
    start = f"{folder}/"
    return [
        each
        for each in known
        if each["path"].startswith(start) and (recursive or "/" not in each["path"][len(start) :])
    ]
