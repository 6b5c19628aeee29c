"""One machine, started and stopped in every way, beside a scripted teacher."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.acceptance.machine import Machine
from tests.acceptance.service import eventually
from tests.fake_teacher import FakeTeacher


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.close()


@pytest.fixture
def given(fake: FakeTeacher) -> dict[str, str]:
    return {"teacher_url": f"{fake.url}/v1", "teacher_model": fake.model}


def _get(machine: Machine, path: str) -> httpx.Response | None:
    try:
        answer = httpx.get(f"http://127.0.0.1:{machine.port}{path}", timeout=5)
    except httpx.TransportError:
        return None
    return answer if answer.is_success else None


def _introduced(machine: Machine) -> bool:
    teachers = _get(machine, "/v1/teachers")
    return bool(teachers and teachers.json()["items"])


def _children(pid: int, name: str) -> set[psutil.Process]:
    """Those that run the role or the program `name`; one that has ended is none."""
    found = set()
    for child in psutil.Process(pid).children():
        with suppress(psutil.NoSuchProcess):
            if name in child.cmdline() or child.name() == name:
                found.add(child)
    return found


def test_up_is_ready_for_a_first_job_and_leaves_nothing_when_told_to_stop(
    machine: Machine, given: dict[str, str]
) -> None:
    process = machine.start("up", **given)
    eventually(lambda: _introduced(machine))
    templates = _get(machine, "/v1/templates")
    assert templates
    assert "question-answer" in {item["name"] for item in templates.json()["items"]}
    assert machine.run("migrate") == (0, "the database is up to date\n"), "finds the embedded one"
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said + machine.logs()
    assert machine.run("migrate")[0] == 2
    assert f"http://127.0.0.1:{machine.port}/docs" in said
    assert machine.living() == []


def test_told_to_stop_while_it_starts_it_leaves_nothing(
    machine: Machine, given: dict[str, str]
) -> None:
    process = machine.start("up", **given)
    eventually(lambda: len(machine.living()) > 2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert machine.living() == []


def test_what_a_killed_up_left_does_not_hinder_the_next(
    machine: Machine, given: dict[str, str]
) -> None:
    process = machine.start("up", **given)
    eventually(lambda: _introduced(machine))
    process.kill()
    process.communicate(timeout=60)
    again = machine.start("up", **given)
    eventually(lambda: _introduced(machine))
    # Asked in this order: what is born in between is nobody's orphan.
    living = machine.living()
    ours = {again.pid, *(p.pid for p in psutil.Process(again.pid).children(recursive=True))}
    assert [p for p in living if p.pid not in ours and p.is_running()] == []
    again.terminate()
    again.communicate(timeout=60)
    assert machine.living() == []


def test_a_worker_and_a_postgres_that_are_killed_come_back(
    machine: Machine, given: dict[str, str]
) -> None:
    process = machine.start("up", **given)
    eventually(lambda: _introduced(machine))
    for name in ("worker", "serve", "postgres"):
        (victim,) = _children(process.pid, name)
        victim.kill()
        eventually(lambda: _children(process.pid, name) - {victim})  # noqa: B023  (called here)
        eventually(lambda: _get(machine, "/readyz"))
    process.terminate()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_a_second_up_on_the_same_data_is_refused(machine: Machine, given: dict[str, str]) -> None:
    first = machine.start("up", **given)
    eventually(lambda: _introduced(machine))
    code, said = machine.run("up", **given)
    assert (code, f"port {machine.port} is in use" in said) == (2, True)
    code, said = machine.run("up", port="0", **given)
    assert code == 2
    assert f"process {first.pid} holds" in said
    first.terminate()
    first.communicate(timeout=60)


def test_the_demo_shows_everything_with_any_server(machine: Machine, given: dict[str, str]) -> None:
    for version in (1, 2):
        code, said = machine.run("demo", **given)
        assert code == 0, said + machine.logs()
        assert f"Published default/demo@{version}" in said
        assert "records" in said
        assert " novel ━" in said
        assert said.count("question  ") == 3
        assert machine.living() == []


def test_a_teacher_that_does_not_answer_is_named(machine: Machine) -> None:
    code, said = machine.run("demo", teacher_url="http://127.0.0.1:9/v1", teacher_model="m")
    assert code == 1
    assert "127.0.0.1:9" in said
    assert machine.living() == []
