"""Everything on one machine: Postgres, the teacher, the API and a worker, started and ready."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from app import migrate, shell
from app.local import child, cluster, introduce, kind, ports, postgres, teacher, teacher_install
from app.local.child import Child
from app.local.interrupt import Interrupts
from app.local.kind import Kind
from app.local.lock import Lock
from app.local.roster import Roster
from app.local.steps import Steps
from app.local.supervise import Supervisor
from app.local.teacher import Served
from app.settings import Settings

TEACHER = "the teacher"
"""What the supervisor calls it."""
API_SECONDS = 60
TEACHER_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Up:
    """What runs, and where."""

    api: str
    teacher: str
    """What jobs call it."""
    served: Served | None
    """None where another server is the teacher."""
    supervisor: Supervisor


@contextmanager
def up(settings: Settings, steps: Steps, *, port: int) -> Iterator[Up]:
    """Start everything, wait until it answers, and stop all of it at the end, whatever happens.

    Raises `Held` while another one uses the data directory, and `ChildEnded`, `PostgresFailed` or
    `InstallFailed` when a part cannot run.
    """
    data = settings.data_dir.absolute()
    interrupts = Interrupts()
    with Lock(data / "up.lock"), interrupts.installed():
        roster = Roster(data / "processes.json")
        roster.end_strays()
        supervisor = Supervisor(roster, interrupts, steps)
        try:
            yield _start(settings, data, port, supervisor, steps)
        finally:
            with steps.step("Stopping everything"):
                supervisor.stop()


def _start(settings: Settings, data: Path, port: int, supervisor: Supervisor, steps: Steps) -> Up:
    api = address(settings.host, port)
    # The teacher takes longest, so it is the first to start and the last to be waited for.
    served = None if settings.teacher_url else _start_teacher(settings, data, supervisor, steps)
    with steps.step("Starting Postgres" if settings.database_url is None else "Migrating"):
        database = settings.database_url or _start_postgres(data, supervisor)
        migrate.upgrade(database)
    environment = {
        **os.environ,
        "LIMBECK_DATABASE_URL": database,
        "LIMBECK_DATA_DIR": str(data),
        "LIMBECK_HOST": settings.host,
        "LIMBECK_PORT": str(port),
        "LIMBECK_URL": api,
        "LIMBECK_WORKER_CONCURRENCY": str(max(settings.worker_concurrency, introduce.CHUNKS)),
    }
    shell.use(api)
    with steps.step("Starting the API and a worker"):
        for name in ("serve", "worker"):
            supervisor.start(name, partial(_limbeck, name, data, environment))
        supervisor.until(lambda: answers(f"{api}/readyz"), "the API", API_SECONDS)
    with steps.step("Pushing the prompts"):
        supervisor.run(introduce.push_prompts)
    if served is not None:
        with steps.step("Waiting for the teacher"):
            supervisor.until(lambda: answers(served.health), TEACHER, TEACHER_SECONDS)
    with steps.step("Asking the teacher what it can do"):
        name = supervisor.run(partial(introduce.register, served, settings))
    supervisor.settle()
    return Up(api, name, served, supervisor)


def _start_teacher(settings: Settings, data: Path, supervisor: Supervisor, steps: Steps) -> Served:
    installed = teacher_install.install(
        settings.teacher_home or data / "teacher",
        kind.look(settings.teacher_python, os.environ),
        steps,
        model=settings.teacher_model,
        torch_index=settings.torch_index,
        only=Kind(settings.teacher_kind) if settings.teacher_kind else None,
    )
    served = Served(installed, ports.free())
    log = data / "logs" / "teacher.log"
    supervisor.start(TEACHER, partial(teacher.launch, served, log=log, environment=os.environ))
    return served


def _start_postgres(data: Path, supervisor: Supervisor) -> str:
    """Started again, it answers where it did before: who knows the address keeps it."""
    directory = data / "postgres"
    port = ports.free()
    supervisor.start("Postgres", partial(postgres.start, directory, port=port))
    return cluster.url(directory, port)


def _limbeck(command: str, data: Path, environment: Mapping[str, str]) -> Child:
    """One of our own roles; `-P` keeps a folder named `app` where we were started out of it."""
    return child.start(
        f"limbeck {command}",
        [sys.executable, "-P", "-m", "app.cli", command],
        log=data / "logs" / f"{command}.log",
        environment=environment,
    )


def answers(url: str) -> bool:
    """Whether a GET succeeds; that nothing listens yet is no."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def address(host: str, port: int) -> str:
    """Where to reach the API when it listens on `host`."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104  (compared, not bound)
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
