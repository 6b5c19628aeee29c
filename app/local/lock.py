"""One process at a time: a lock on a file that ends with its holder, however that ends."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class Held(Exception):
    """Another process has the lock; the message says which."""


class Lock:
    def __init__(self, path: Path, *, wait: bool = False) -> None:
        """Take the lock: at once or raise `Held`, or when its holder is done."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            holder = os.read(self._file, 20).decode(errors="replace").strip()
            os.close(self._file)
            raise Held(f"process {holder or 'unknown'} holds {path}") from error
        except BaseException:
            os.close(self._file)
            raise
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let the next one in; harmless when done already."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
