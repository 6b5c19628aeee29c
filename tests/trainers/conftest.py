"""The trainers' own environment, made once on a machine, and what they are given to read."""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from rich.console import Console

from app.local import environment
from app.local.lock import Lock
from app.local.pip import InstallFailed
from app.local.steps import Steps
from app.local.teacher_install import CPU_LOCKS
from app.settings import Settings
from tests.conftest import TEMPLATE, _named, _recreate
from tests.trainers.shelf import fill

HERE = Path(__file__).parent
LOCK = HERE / "trainers.lock"
"""Their data code and what that imports, and no more: what a GPU needs is left out."""

Run = Callable[..., Any]


@pytest.fixture(scope="session")
def trainers() -> Path:
    """The python of the environment; the build of torch is the one that the teacher has."""
    settings = Settings()
    home = settings.data_dir / "trainers"
    home.mkdir(parents=True, exist_ok=True)
    with Lock(home.with_suffix(".lock"), wait=True):
        try:
            return environment.ensure(
                home,
                (CPU_LOCKS[0], str(LOCK)),
                Steps(Console(stderr=True)),
                "Installing the trainers (1.4 GB, once)",
                torch_index=settings.torch_index,
            )
        except InstallFailed as failed:
            pytest.fail(f"{failed.reason}. LIMBECK_TORCH_INDEX names an index of CPU builds.")


@pytest.fixture(scope="session")
def shelf(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `default/<name>.v1` is a pulled version, for each of the layouts."""
    root = tmp_path_factory.mktemp("shelf")
    name = f"t_{uuid4().hex[:12]}"
    _recreate(cluster, name, TEMPLATE)
    settings = Settings(database_url=_named(cluster, name), data_dir=root / "data", _env_file=None)
    asyncio.run(fill(settings, root))
    with psycopg.connect(cluster, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
    return root


@pytest.fixture(scope="session")
def run(trainers: Path, shelf: Path) -> Run:
    """Runs a command of the environment where the versions lie; answers what it printed last."""

    def run(command: str, *arguments: str | Path) -> Any:
        program = HERE / "programs" / command
        argv = [trainers, program] if program.exists() else [trainers.parent / command]
        done = subprocess.run(
            [*argv, *arguments],
            cwd=shelf,
            env=offline(shelf),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
        return done.stdout

    return run


def offline(root: Path) -> dict[str, str]:
    """Nothing from the network, nothing kept, one thread for each of two cores."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(root / "home"),
        "HF_HOME": str(root / "home"),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "DISABLE_VERSION_CHECK": "1",
        "AXOLOTL_DO_NOT_TRACK": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPYCACHEPREFIX": str(root / "home" / "pycache"),
    }


@pytest.fixture(scope="session")
def tiny(run: Run, shelf: Path) -> Path:
    """A Llama of two layers, at random, and a tokenizer with a chat template."""
    run("tiny.py", "tiny")
    return shelf / "tiny"


def told(printed: str) -> Any:
    """What a program says on its last line, in JSON."""
    return json.loads(printed.strip().splitlines()[-1])
