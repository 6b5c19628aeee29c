"""The demo as a visitor sees it: a real model, twice in a row."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.machine import Machine
from tests.real_teacher import teacher_home

pytestmark = pytest.mark.teacher


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.close()


def test_the_demo_fills_a_corpus_twice_and_leaves_nothing_running(machine: Machine) -> None:
    home = str(teacher_home())
    for version in (1, 2):
        code, said = machine.run("demo", teacher_home=home)
        assert code == 0, said + machine.logs()
        assert "finished" in said
        assert f"Published default/demo@{version}" in said
        assert said.count("question  ") == 3
        assert machine.living() == []
