import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import psutil
import pytest
from rich.console import Console

from app.local import child
from app.local.child import Child, ChildEnded
from app.local.interrupt import Interrupts
from app.local.roster import Roster
from app.local.steps import Steps
from app.local.supervise import Supervisor

FOR_EVER = "import signal; signal.pause()"


@pytest.fixture
def roster(tmp_path: Path) -> Roster:
    return Roster(tmp_path / "processes.json")


@pytest.fixture
def supervisor(roster: Roster) -> Iterator[Supervisor]:
    made = Supervisor(roster, Interrupts(), Steps(Console(file=io.StringIO())))
    yield made
    made.stop()


@pytest.fixture
def begin(tmp_path: Path) -> Callable[[str], Child]:
    def start(code: str) -> Child:
        return child.start(
            "it",
            [sys.executable, "-c", code],
            log=tmp_path / "log",
            environment=os.environ,
            grace=5,
        )

    return start


def test_a_dismissed_service_stays_away(
    supervisor: Supervisor, begin: Callable[[str], Child]
) -> None:
    started: list[Child] = []

    def again() -> Child:
        started.append(begin("pass" if started else FOR_EVER))
        return started[-1]

    supervisor.start("it", again)
    supervisor.settle()
    supervisor.dismiss("it")
    started[0].process.wait()
    looks = iter([False, True])
    supervisor.until(lambda: next(looks), "a look around", 60)
    assert len(started) == 1


def test_a_service_that_dies_is_started_again(
    supervisor: Supervisor, begin: Callable[[str], Child]
) -> None:
    started: list[Child] = []

    def again() -> Child:
        started.append(begin(FOR_EVER))
        return started[-1]

    supervisor.start("it", again)
    supervisor.settle()
    started[0].process.kill()
    supervisor.run(lambda: _wait_for(lambda: len(started) == 2))
    assert not started[1].ended


def test_a_service_that_keeps_dying_ends_with_its_last_words(
    supervisor: Supervisor, begin: Callable[[str], Child]
) -> None:
    supervisor.start("it", lambda: begin("raise SystemExit('no such port')"))
    supervisor.settle()
    with pytest.raises(ChildEnded, match="no such port"):
        supervisor.run(lambda: Event().wait(60))


def test_a_service_that_dies_during_start_up_is_not_tried_again(
    supervisor: Supervisor, begin: Callable[[str], Child]
) -> None:
    supervisor.start("it", lambda: begin("raise SystemExit('bad model')"))
    with pytest.raises(ChildEnded, match="bad model"):
        supervisor.until(lambda: False, "it", 30)


def test_all_that_a_service_started_ends_with_it(
    supervisor: Supervisor, begin: Callable[[str], Child], tmp_path: Path
) -> None:
    code = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', "
        f"{FOR_EVER!r}]); open({str(tmp_path / 'there')!r}, 'w').close(); " + FOR_EVER
    )
    others = set(psutil.Process().children(recursive=True))
    supervisor.start("it", lambda: begin(code))
    supervisor.until((tmp_path / "there").exists, "it", 30)
    ours = set(psutil.Process().children(recursive=True)) - others
    assert len(ours) == 2
    supervisor.stop()
    _, alive = psutil.wait_procs(ours, timeout=5)
    assert alive == []


def test_the_next_start_ends_what_a_killed_one_left(tmp_path: Path) -> None:
    """Where the system does not end children with their parent, the list on disk does."""
    code = (
        "import sys, subprocess, pathlib; from app.local.roster import Roster;"
        f"left = subprocess.Popen([sys.executable, '-c', {FOR_EVER!r}], start_new_session=True,"
        "    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL);"
        "Roster(pathlib.Path(sys.argv[1])).add(left.pid); print(left.pid, flush=True)"
    )
    path = tmp_path / "processes.json"
    told = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, check=True, text=True
    )
    left = psutil.Process(int(told.stdout))
    assert Roster(path).end_strays() == 1
    left.wait(5)
    assert Roster(path).end_strays() == 0


def test_a_stranger_with_an_old_number_of_ours_is_left_alone(
    roster: Roster, tmp_path: Path
) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", FOR_EVER], start_new_session=True)
    try:
        born = psutil.Process(stranger.pid).create_time()
        for ours in (born - 60, born + 60, psutil.boot_time() - 60):
            roster._write({str(stranger.pid): ours})
            assert roster.end_strays() == 0
            assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_being_told_to_stop_waits_while_a_child_is_started() -> None:
    interrupts = Interrupts()
    went_on = False

    def start() -> None:
        nonlocal went_on
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGTERM)
            went_on = True

    with interrupts.installed(), pytest.raises(KeyboardInterrupt):
        start()
    assert went_on


def _wait_for(done: Callable[[], bool]) -> None:
    while not done():
        Event().wait(0.05)
