"""One process at a time: a lock on a file that ends with its holder, however that ends."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class Held(Exception):
    """Another process has the lock; the message says which."""


class Lock:
    def __init__(self, path: Path) -> None:
        """Take the lock at once, or raise `Held`."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._file, 20).decode(errors="replace").strip()
            os.close(self._file)
            raise Held(f"process {holder or 'unknown'} holds {path}") from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        with suppress(OSError):
            os.close(self._file)
