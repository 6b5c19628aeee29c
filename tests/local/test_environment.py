import io
import shutil
import sys
from pathlib import Path

import pytest
from rich.console import Console

from app.local import environment, pip
from app.local.pip import InstallFailed
from app.local.steps import Steps


@pytest.fixture
def steps() -> Steps:
    return Steps(Console(file=io.StringIO()))


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "locks"
    folder.mkdir()
    (folder / "nothing.lock").write_text("# holds nothing\n")
    (folder / "absent.lock").write_text("torch==2.13.0+nosuchbuild\n")
    monkeypatch.setattr(pip, "LOCKS", folder)
    monkeypatch.setattr(environment, "LOCKS", folder)
    monkeypatch.setattr(environment, "make_venv", _thin_venv)
    return folder


def _thin_venv(folder: Path) -> Path:
    """Our own interpreter under another name: a real one takes seconds to make."""
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return python


def test_an_environment_is_made_once(tmp_path: Path, locks: Path, steps: Steps) -> None:
    python = environment.ensure(tmp_path / "venv", ["nothing.lock"], steps, "Installing")
    kept = tmp_path / "venv" / "kept"
    kept.touch()
    assert environment.ensure(tmp_path / "venv", ["nothing.lock"], steps, "Installing") == python
    assert kept.exists()


def test_a_changed_lock_or_a_partial_environment_is_made_again(
    tmp_path: Path, locks: Path, steps: Steps
) -> None:
    folder = tmp_path / "venv"
    environment.ensure(folder, ["nothing.lock"], steps, "Installing")
    for spoil in (
        lambda: (locks / "nothing.lock").write_text("# changed\n"),
        (folder / environment.MARKER).unlink,
        (folder / "bin" / "python").unlink,
    ):
        kept = folder / "kept"
        kept.touch()
        spoil()
        environment.ensure(folder, ["nothing.lock"], steps, "Installing")
        assert not kept.exists()


def test_a_build_out_of_reach_fails_with_the_words_of_pip_and_leaves_no_marker(
    tmp_path: Path, locks: Path, steps: Steps
) -> None:
    with pytest.raises(InstallFailed, match=r"torch==2\.13\.0\+nosuchbuild") as failed:
        environment.ensure(tmp_path / "venv", ["absent.lock"], steps, "Installing")
    # "No matching distribution", or where pip is kept to other versions "Cannot install".
    assert "torch==2.13.0+nosuchbuild" in failed.value.reason
    assert not (tmp_path / "venv" / environment.MARKER).exists()


def test_torch_is_asked_for_by_a_name_that_only_cpu_builds_have() -> None:
    first, *others = (pip.LOCKS / name for name in ("teacher-torch.lock", "teacher-cpu.lock"))
    assert first.read_text().strip().endswith("+cpu")
    for lock in others:
        names = {line.split("==")[0].lower() for line in lock.read_text().split()}
        assert not names & {"torch", "torchvision", "torchaudio", "torchcodec", "triton"}
        assert not any(name.startswith("nvidia") for name in names)
