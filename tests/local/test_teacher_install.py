import io
from pathlib import Path

import pytest
from rich.console import Console

from app.local import environment, teacher_install, weights
from app.local.kind import GIB, Kind, Machine
from app.local.pip import InstallFailed
from app.local.steps import Steps

LINUX = Machine("Linux", "x86_64", 16 * GIB, None, None)


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def steps(said: io.StringIO) -> Steps:
    return Steps(Console(file=said, width=500))


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for pip: no CPU build of torch is within reach."""
    folders: list[str] = []

    def ensure(folder: Path, *_: object, **__: object) -> Path:
        folders.append(folder.name)
        if folder.name == "cpu":
            raise InstallFailed("ERROR: No matching distribution found for torch==2.13.0+cpu")
        return folder / "bin" / "python"

    monkeypatch.setattr(environment, "ensure", ensure)
    monkeypatch.setattr(weights, "gguf", lambda home, *_: home / "weights.gguf")
    monkeypatch.setattr(weights, "converted", lambda home, *_: home / "converted")
    return folders


def test_without_a_cpu_build_of_torch_the_light_teacher_serves_the_same_weights(
    tmp_path: Path, steps: Steps, said: io.StringIO, tried: list[str]
) -> None:
    installed = teacher_install.install(tmp_path, LINUX, steps)
    assert tried == ["cpu", "light"]
    assert installed.kind is Kind.LIGHT
    assert (installed.model, installed.name) == (str(tmp_path / "weights.gguf"), weights.NAME)
    assert "No matching distribution found for torch==2.13.0+cpu" in said.getvalue()


def test_where_vllm_has_no_build_nothing_of_it_is_tried(
    tmp_path: Path, steps: Steps, tried: list[str]
) -> None:
    mac = Machine("Darwin", "arm64", 16 * GIB, None, None)
    assert teacher_install.install(tmp_path, mac, steps).kind is Kind.LIGHT
    assert tried == ["light"]


def test_who_asks_for_the_cpu_build_is_not_given_another(
    tmp_path: Path, steps: Steps, tried: list[str]
) -> None:
    with pytest.raises(InstallFailed):
        teacher_install.install(tmp_path, LINUX, steps, only=Kind.CPU)


def test_a_gpu_serves_the_model_that_was_named_with_the_vllm_that_was_found(
    tmp_path: Path, steps: Steps, tried: list[str]
) -> None:
    python = Path("/opt/vllm/bin/python")
    machine = Machine("Linux", "x86_64", 64 * GIB, "NVIDIA H200", python)
    installed = teacher_install.install(tmp_path, machine, steps, model="Qwen/Qwen3-8B")
    assert (installed.kind, installed.python) == (Kind.GPU, python)
    assert (installed.model, installed.name) == ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B")
    assert tried == []
