"""A virtual environment that holds exactly what its lock files say."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from app.local.pip import LOCKS, make_venv, pip
from app.local.steps import Steps

MARKER = "limbeck.lock-digest"


def ensure(
    folder: Path,
    locks: Sequence[str],
    steps: Steps,
    title: str,
    *,
    torch_index: str | None = None,
) -> Path:
    """The python of the environment in `folder`; a partial or outdated one is made again.

    The locks are installed one after another, without dependencies: what they name and no more.
    """
    python = folder / "bin" / "python"
    digest = _digest(locks)
    marker = folder / MARKER
    if marker.exists() and marker.read_text() == digest and _runs(python):
        return python
    index = ["--extra-index-url", torch_index] if torch_index else []
    with steps.step(title) as tell:
        tell("making a virtual environment")
        make_venv(folder)
        for lock in locks:
            pip(python, ["install", "--no-compile", *index, "-r", LOCKS / lock], tell)
        marker.write_text(digest)
    return python


def _digest(locks: Sequence[str]) -> str:
    told = sys.version + "".join((LOCKS / lock).read_text() for lock in locks)
    return hashlib.sha256(told.encode()).hexdigest()


def _runs(python: Path) -> bool:
    """False once the interpreter that an environment was made from has been removed."""
    try:
        return subprocess.run([python, "-IS", "-c", ""], check=False).returncode == 0
    except OSError:
        return False
