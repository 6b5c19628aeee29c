import os
import sys
from pathlib import Path

import pytest

from app.local import kind
from app.local.kind import GIB, Kind, Machine


def _machine(
    system: str = "Linux",
    machine: str = "x86_64",
    memory: int = 16 * GIB,
    gpu: str | None = None,
    vllm_python: Path | None = None,
) -> Machine:
    return Machine(system, machine, memory, gpu, vllm_python)


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (_machine(), Kind.CPU),
        (_machine(machine="aarch64"), Kind.CPU),
        (_machine("Darwin", "arm64"), Kind.LIGHT),
        (_machine("Windows", "AMD64"), Kind.LIGHT),
        (_machine(memory=4 * GIB), Kind.LIGHT),
        (_machine(gpu="NVIDIA H200", vllm_python=Path("/usr/bin/python3")), Kind.GPU),
        (_machine(gpu="NVIDIA H200"), Kind.CPU),
    ],
)
def test_a_machine_gets_the_best_teacher_it_can_run(machine: Machine, expected: Kind) -> None:
    assert kind.choose(machine).kind is expected


def test_the_choice_of_the_light_teacher_is_one_sentence() -> None:
    for choice in (
        kind.choose(_machine("Darwin", "arm64")),
        kind.choose(_machine(memory=2 * GIB)),
        kind.no_cpu_build("no CPU build of torch"),
    ):
        assert choice.why.endswith("using the light teacher xllamacpp with the same weights.")
        assert choice.why.count(". ") == 0


def test_a_gpu_without_vllm_is_said_with_what_to_do() -> None:
    assert "LIMBECK_TEACHER_PYTHON" in kind.choose(_machine(gpu="NVIDIA L4")).why


def _tool(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_a_normal_vllm_is_found_behind_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("vllm", "torch"):
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    python = tmp_path / "python"
    _tool(python, f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    _tool(tmp_path / "nvidia-smi", "#!/bin/sh\necho NVIDIA H200\n")
    _tool(tmp_path / "vllm", f"#!{python}\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    seen = kind.look(None, os.environ)

    assert (seen.gpu, seen.vllm_python) == ("NVIDIA H200", python)


def test_a_driver_that_sees_no_card_is_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _tool(tmp_path / "nvidia-smi", "#!/bin/sh\necho No devices were found\nexit 6\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert kind.look(None, os.environ).gpu is None
