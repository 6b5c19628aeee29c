"""Which teacher this machine can run: vLLM on a GPU, vLLM on the CPU, or a light one."""

import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

GIB = 1024**3
CPU_BUILDS = {("Linux", "x86_64"), ("Linux", "aarch64")}
LEAST_MEMORY = 6 * GIB
"""vLLM with a model of 135M parameters takes 5 GiB, 2 of them for keys and values; the rest 1."""


class Kind(StrEnum):
    GPU = "gpu"
    CPU = "cpu"
    LIGHT = "light"


@dataclass(frozen=True, slots=True)
class Machine:
    system: str
    machine: str
    memory: int
    gpu: str | None
    """The name of an NVIDIA card, if there is one."""
    vllm_python: Path | None
    """An interpreter that has a normal vLLM."""


@dataclass(frozen=True, slots=True)
class Choice:
    kind: Kind
    why: str
    """One sentence, shown to whoever starts it."""


def choose(machine: Machine) -> Choice:
    if machine.gpu and machine.vllm_python:
        return Choice(Kind.GPU, f"Using {machine.gpu} with the vLLM of {machine.vllm_python}.")
    if (machine.system, machine.machine) not in CPU_BUILDS:
        where = f"{machine.system} on {machine.machine}"
        return Choice(Kind.LIGHT, f"vLLM has no CPU build for {where}: {_LIGHT}")
    if machine.memory < LEAST_MEMORY:
        held = f"{machine.memory / GIB:.1f} GiB of memory are too few for vLLM"
        return Choice(Kind.LIGHT, f"{held}: {_LIGHT}")
    if machine.gpu:
        return Choice(
            Kind.CPU,
            f"{machine.gpu} is idle because no vLLM was found (install it, or name its "
            "interpreter in LIMBECK_TEACHER_PYTHON): using vLLM's CPU build.",
        )
    return Choice(Kind.CPU, "No NVIDIA GPU: using vLLM's CPU build.")


def no_cpu_build(reason: str) -> Choice:
    return Choice(Kind.LIGHT, f"vLLM's CPU build is out of reach ({reason}): {_LIGHT}")


_LIGHT = "using the light teacher xllamacpp with the same weights."


def look(teacher_python: Path | None, environment: Mapping[str, str]) -> Machine:
    """What this machine has. `teacher_python` is an interpreter that somebody named."""
    gpu = _gpu()
    return Machine(
        system=platform.system(),
        machine=platform.machine(),
        memory=psutil.virtual_memory().total,
        gpu=gpu,
        vllm_python=_vllm_python(teacher_python, environment) if gpu else None,
    )


def _gpu() -> str | None:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    try:
        listed = subprocess.run(
            [tool, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    names = listed.stdout.strip().splitlines()
    return names[0] if listed.returncode == 0 and names else None


def _vllm_python(named: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The named interpreter, else the one that the `vllm` command of PATH starts with."""
    candidates = [named] if named else []
    script = shutil.which("vllm", path=environment.get("PATH"))
    if script:
        with Path(script).open("rb") as text:
            first = text.readline().decode(errors="replace").strip()
        if first.startswith("#!"):
            candidates.append(Path(first.removeprefix("#!").strip()))
        candidates.append(Path(script).resolve().parent / "python")
    for python in candidates:
        if python.exists() and _has_vllm(python):
            return python
    return None


def _has_vllm(python: Path) -> bool:
    code = "import importlib.metadata as m; m.version('vllm'); m.version('torch')"
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0
