"""Files by content: each is stored once, under its sha256, and never changes.

`<data_dir>/files/ab/ab12…` holds the bytes. A file is written under `incoming/`, synced, and only
then given its name, so a name never stands for half a file. What a crash leaves behind is a
stranger in `incoming/`, removed a day later.
"""

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from app.errors import Unavailable

_BLOCK = 1 << 20
_ABANDONED_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Stored:
    sha256: str
    size: int


class Files:
    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir / "files"
        self._incoming = self._root / "incoming"
        self._verified: dict[str, tuple[int, int, int]] = {}

    def path(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256

    def incoming(self) -> Path:
        """A path of one's own to write to, to be given to `keep` or removed."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        return self._incoming / uuid4().hex

    def keep(self, written: Path) -> Stored:
        """Give a finished file its name. It is on the disk, name and all, when this returns."""
        with written.open("rb+") as file:
            stored = Stored(hashlib.file_digest(file, "sha256").hexdigest(), file.tell())
            file.flush()
            os.fsync(file.fileno())
        written.chmod(0o444)
        target = self.path(stored.sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        # In place of equal bytes, or of what was left of them if the disk has spoilt them.
        written.replace(target)
        for folder in (target.parent, self._root):
            _sync_folder(folder)
        return stored

    def keep_bytes(self, content: bytes) -> Stored:
        written = self.incoming()
        written.write_bytes(content)
        return self.keep(written)

    def verified(self, sha256: str, size: int) -> Path:
        """The path of a file that is certain to hold these bytes. Raises `Unavailable` otherwise.

        Its bytes are read once in a process, and again whenever the file looks touched.
        """
        path = self.path(sha256)
        try:
            status = path.stat()
            if self._verified.get(sha256) == _looks(status):
                return path
            with path.open("rb") as file:
                intact = (
                    status.st_size == size
                    and hashlib.file_digest(file, "sha256").hexdigest() == sha256
                )
        except OSError as error:
            raise _spoilt(sha256, "cannot be read from this machine's data directory") from error
        if not intact:
            raise _spoilt(sha256, "has changed on the disk since it was published")
        self._verified[sha256] = _looks(status)
        return path

    def known(self, sha256: str) -> Path | None:
        """The path of a file that was verified and looks as it did then. Reads nothing, so that it
        may be asked where nobody should wait.
        """
        path = self.path(sha256)
        try:
            return path if self._verified.get(sha256) == _looks(path.stat()) else None
        except OSError:
            return None

    def sweep(self) -> None:
        """Remove what crashed writers left behind."""
        oldest = time.time() - _ABANDONED_SECONDS
        for left in self._incoming.glob("*"):
            if left.stat().st_mtime < oldest:
                left.unlink(missing_ok=True)


def _looks(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _spoilt(sha256: str, what: str) -> Unavailable:
    return Unavailable(
        "dataset.file_damaged",
        f"the file with sha256 {sha256} {what}",
        hint="Restore it from a backup of the data directory; nothing else can be served for it.",
    )


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
