"""The ids that git would give to our files, by which stock Hub clients check their downloads."""

import hashlib

from app.datasets.files import Files
from app.datasets.manifest import FileEntry


def blob_id(content: bytes) -> str:
    """Git's id of a file's bytes: 40 hexadecimal digits."""
    # SHA-1 is what git's format says; the sha256 beside it is what we rely on.
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def pointer(sha256: str, size: int) -> bytes:
    """The few lines that git-lfs keeps in place of a large file (its specification, version 1)."""
    head = "version https://git-lfs.github.com/spec/v1"
    return f"{head}\noid sha256:{sha256}\nsize {size}\n".encode()


def named(files: Files, entry: FileEntry) -> str:
    """The id of a stored file: data are kept by a pointer, everything else as it is."""
    if entry.split is not None:
        return blob_id(pointer(entry.sha256, entry.size))
    return blob_id(files.path(entry.sha256).read_bytes())
