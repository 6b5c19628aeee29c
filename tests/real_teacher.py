"""The real local teacher, for tests marked `teacher`: installed if it is not, started once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from app.local import kind, ports, teacher, teacher_install
from app.local.interrupt import Interrupts
from app.local.kind import Kind
from app.local.roster import Roster
from app.local.steps import Steps
from app.local.supervise import Supervisor
from app.local.teacher import Served
from app.local.up import answers
from app.settings import Settings

INSTALL_AND_START_SECONDS = 1500


@dataclass(frozen=True, slots=True)
class RealTeacher:
    url: str
    """With `/v1`."""
    model: str
    kind: Kind


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests with a real teacher run in one process, one after another: they share it."""
    for item in items:
        if "real_teacher" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.teacher)
        if item.get_closest_marker("teacher"):
            item.add_marker(pytest.mark.xdist_group("teacher"))
            item.add_marker(pytest.mark.timeout(INSTALL_AND_START_SECONDS))


def teacher_home() -> Path:
    """Where `make demo` has it too, so that a machine installs it once."""
    settings = Settings()
    return settings.teacher_home or settings.data_dir / "teacher"


@pytest.fixture(scope="session")
def real_teacher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTeacher]:
    """vLLM with a small model, or what this machine can run instead."""
    told = Settings().teacher_kind
    with running(tmp_path_factory.mktemp("teacher"), Kind(told) if told else None) as found:
        yield found


@contextmanager
def running(folder: Path, only: Kind | None) -> Iterator[RealTeacher]:
    """A teacher, installed if need be, that answers; stopped at the end."""
    settings = Settings()
    steps = Steps(Console(stderr=True))
    supervisor = Supervisor(Roster(folder / "processes.json"), Interrupts(), steps)
    installed = teacher_install.install(
        teacher_home(),
        kind.look(settings.teacher_python, os.environ),
        steps,
        torch_index=settings.torch_index,
        only=only,
    )
    served = Served(installed, ports.free())
    log = folder / "teacher.log"
    try:
        supervisor.start(
            "the teacher", lambda: teacher.launch(served, log=log, environment=os.environ)
        )
        supervisor.until(lambda: answers(served.health), "the teacher", 300)
        teacher.warm_up(served, {"enum": ["yes"]})
        yield RealTeacher(served.url, installed.name, installed.kind)
    finally:
        supervisor.stop()
