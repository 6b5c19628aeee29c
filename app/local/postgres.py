"""An embedded PostgreSQL 18 under a directory of ours: started, found again, stopped."""

import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.local import account, cluster, ports
from app.local.child import keep_last, tail
from app.local.cluster import PostgresFailed
from app.local.lock import Held, Lock

MIB = 1024**2
ADDRESS_TAKEN = "Address already in use"
RECOVERY_SECONDS = 600

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    # A checkpoint makes whole pages be logged again, so there are few. They are logged as they are:
    # pglz, all that this build has, doubles the time of an insert into 100,000 signatures.
    "checkpoint_timeout": "15min",
    "max_wal_size": "4GB",
    "wal_compression": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server that this process started."""

    url: str
    """`postgresql://…` of the database `limbeck`; its role may create databases, no more."""
    process: subprocess.Popen[bytes]
    lock: Lock
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def check(self) -> None:
        """Raise `PostgresFailed` when it is gone."""
        if self.ended:
            raise PostgresFailed(f"the embedded Postgres ended:\n{tail(self.log)}")

    def ask_to_stop(self) -> None:
        """Let whoever is connected go first: SIGTERM waits for them."""
        if not self.ended:
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Roll open transactions back, write a checkpoint, end. Harmless when already ended."""
        for signum, seconds in ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            if self.process.poll() is not None:
                break
            self.process.send_signal(signum)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        self.lock.release()


def start(
    directory: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None
) -> Postgres:
    """Start the server of `directory`, made on first use; only loopback with a password reaches it.

    What an ended process left running there is stopped first; what a living one runs is refused.
    Without `port` a free one is taken. Call it from a thread that outlives the server: on Linux
    the server ends with it.
    """
    who = account.unprivileged()
    directory = directory.absolute()
    try:
        lock = Lock(directory / "lock")
    except Held as held:
        raise PostgresFailed(f"a server runs there already: {held}") from held
    try:
        account.hand_over(directory, who)
        account.open_the_way(directory / "data", who)
        account.open_the_way(cluster.BIN / "postgres", who)
        _end_strays(directory)
        if not (directory / "data").exists():
            cluster.make(directory, who)
        return _run(directory, who, port, {**_sized(), **SETTINGS, **(settings or {})}, lock)
    except BaseException:
        lock.release()
        raise


def running_url(directory: Path) -> str | None:
    """Where the server of `directory` answers, or None when none does."""
    directory = directory.absolute()
    lines = _pid_file(directory)
    if len(lines) < 8 or lines[7].strip() != "ready" or not _processes(directory):  # noqa: PLR2004
        return None
    return cluster.url(directory, int(lines[3]))


def _run(
    directory: Path, who: account.Who, port: int | None, settings: Mapping[str, str], lock: Lock
) -> Postgres:
    tries = 1 if port else 5
    for left in reversed(range(tries)):
        chosen = port or ports.free()
        server = Postgres(
            cluster.url(directory, chosen),
            _spawn(directory, who, chosen, settings),
            lock,
            _log(directory),
        )
        try:
            _wait_until_ready(directory, server.process)
            cluster.provide(directory, chosen)
        except PostgresFailed as failed:
            if not left or ADDRESS_TAKEN not in str(failed):
                raise
        except BaseException:
            server.stop()
            raise
        else:
            return server
    raise AssertionError  # the last try returned or raised


def _spawn(
    directory: Path, who: account.Who, port: int, settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    argv: list[str | Path] = [cluster.BIN / "postgres", "-D", directory / "data", "-p", str(port)]
    for name, value in settings.items():
        argv += ["-c", f"{name}={value}"]
    keep_last(_log(directory))
    with _log(directory).open("wb") as log:
        # A session of its own: Ctrl-C in a terminal reaches us, and we stop it in order.
        return subprocess.Popen(
            account.command(who, argv),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait_until_ready(directory: Path, process: subprocess.Popen[bytes]) -> None:
    """The server writes its state into `postmaster.pid`; after a crash it first replays its log."""
    for _ in range(RECOVERY_SECONDS * 50):
        lines = _pid_file(directory)
        if len(lines) > 7 and lines[0] == str(process.pid) and lines[7].strip() == "ready":  # noqa: PLR2004
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
            log = tail(_log(directory))
            raise PostgresFailed(f"the embedded Postgres did not start:\n{log}")
    raise PostgresFailed(f"the embedded Postgres is not ready after {RECOVERY_SECONDS} s")


def _end_strays(directory: Path) -> None:
    """Stop what a killed process left: a server, or backends whose server was killed."""
    for signum, seconds in ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
        strays = _processes(directory)
        if not strays:
            break
        for stray in strays:
            with suppress(psutil.NoSuchProcess):
                stray.send_signal(signum)
        psutil.wait_procs(strays, timeout=seconds)
    lines = _pid_file(directory)
    if lines and psutil.pid_exists(int(lines[0])):
        # The number belongs to somebody else now; Postgres would take that for its twin.
        (directory / "data" / "postmaster.pid").unlink()


def _processes(directory: Path) -> list[psutil.Process]:
    """Every process of the server of `directory`: all of them live in its data folder."""
    data = str((directory / "data").resolve())
    return [
        process
        for process in psutil.process_iter(["cwd", "name", "status"])
        if process.info["cwd"] == data
        and process.info["name"] == "postgres"
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def _log(directory: Path) -> Path:
    return directory / "postgres.log"


def _pid_file(directory: Path) -> list[str]:
    try:
        return (directory / "data" / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _sized() -> dict[str, str]:
    """A 32nd of the memory, within reason: the page cache holds the rest."""
    share = psutil.virtual_memory().total // 32 // MIB
    return {"shared_buffers": f"{min(512, max(128, share))}MB"}
