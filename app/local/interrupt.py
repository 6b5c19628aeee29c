"""Being told to stop: SIGINT, SIGTERM and SIGHUP are one thing, and wait while a child starts."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Raises `KeyboardInterrupt` in the main thread, but for the blocks in which they are held."""

    def __init__(self) -> None:
        self._holds = 0
        self._pending = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        before: dict[signal.Signals, Any] = {
            signum: signal.signal(signum, self._came) for signum in SIGNALS
        }
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A child is started and written down, or all are stopped: not one without the other."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
        if self._pending and not self._holds:
            self._pending = False
            raise KeyboardInterrupt

    def _came(self, _signum: int, _frame: FrameType | None) -> None:
        if self._holds:
            self._pending = True
        else:
            raise KeyboardInterrupt
