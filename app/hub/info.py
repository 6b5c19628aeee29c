"""What a repository is, in the Hub's JSON: infos, references, commits."""

from collections.abc import Iterable, Sequence
from typing import Any

from app.datasets.blob import pointer
from app.datasets.models import DatasetFile
from app.hub.names import MAIN, Repo, moment, tag_of, title_of
from app.hub.store import Snapshot

TAGS = ("format:parquet", "synthetic")


def info(
    repo: Repo, snapshot: Snapshot, files: Iterable[DatasetFile], *, blobs: bool = False
) -> dict[str, Any]:
    """A repository at one of its versions. `blobs` adds size and digests to each file."""
    owner = snapshot.dataset_id if repo.pinned is None else snapshot.id
    return {
        # The end of a time-ordered id is the part that differs.
        "_id": owner.hex[-24:],
        "id": str(repo),
        "author": repo.namespace,
        "sha": snapshot.commit,
        "lastModified": moment(snapshot.published_at),
        "createdAt": moment(snapshot.created_at),
        "private": True,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "description": snapshot.description,
        "tags": list(TAGS),
        "cardData": {"pretty_name": f"{repo.namespace}/{repo.name}", "tags": ["synthetic"]},
        "usedStorage": snapshot.bytes,
        "siblings": [_sibling(file, blobs=blobs) for file in files],
    }


def _sibling(file: DatasetFile, *, blobs: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"rfilename": file.path}
    if blobs:
        told |= {"size": file.size, "blobId": file.blob_id}
        if is_large(file):
            size = len(pointer(file.sha256, file.size))
            told["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": size}
    return told


def is_large(file: DatasetFile) -> bool:
    """Whether the Hub would keep it under git-lfs, and name it by its sha256."""
    return file.split is not None


def refs(snapshots: Sequence[Snapshot]) -> dict[str, Any]:
    """The newest comes first, and is `main`."""
    return {
        "branches": [
            {"name": MAIN, "ref": f"refs/heads/{MAIN}", "targetCommit": each.commit}
            for each in snapshots[:1]
        ],
        "converts": [],
        "tags": [
            {
                "name": tag_of(each.version),
                "ref": f"refs/tags/{tag_of(each.version)}",
                "targetCommit": each.commit,
            }
            for each in snapshots
        ],
        "pullRequests": [],
    }


def commit(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "id": snapshot.commit,
        "title": title_of(snapshot.version),
        "message": "",
        "date": moment(snapshot.published_at),
        "authors": [{"user": snapshot.namespace}],
    }
