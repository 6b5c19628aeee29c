"""Which processes are ours, on disk: a killed `limbeck up` leaves the next one a list to end."""

import json
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from app.local.child import session

GRACE_SECONDS = 45


class Roster:
    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, pid: int) -> None:
        """The time it was born goes with its number, which the system gives out again."""
        with suppress(psutil.NoSuchProcess):
            self._write({**self._read(), str(pid): psutil.Process(pid).create_time()})

    def remove(self, pid: int) -> None:
        left = self._read()
        left.pop(str(pid), None)
        self._write(left)

    def end_strays(self) -> int:
        """End every process of the list that lives, with all it started; answers how many did."""
        strays: list[psutil.Process] = []
        for number, born in self._read().items():
            strays += _left_of(int(number), born)
        _end(strays)
        self._write({})
        return len(strays)

    def _read(self) -> dict[str, float]:
        try:
            found: dict[str, float] = json.loads(self._path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return found

    def _write(self, entries: dict[str, float]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(entries))
        fresh.replace(self._path)


def _left_of(pid: int, born: float) -> list[psutil.Process]:
    """The process itself and its session, or the session that outlived it; never a stranger's."""
    if born < psutil.boot_time():
        return []
    try:
        is_ours = psutil.Process(pid).create_time() == born
    except psutil.NoSuchProcess:
        # While anybody is left in its session, the system gives the number to nobody else.
        is_ours = True
    return session(pid) if is_ours else []


def _end(processes: list[psutil.Process]) -> None:
    for signum, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, 10)):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signum)
        _, processes = psutil.wait_procs(processes, timeout=seconds)
