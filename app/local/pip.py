"""Installing into an environment that is not ours, and saying what went wrong."""

import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

LOCKS = Path(__file__).parent / "locks"
LAST_LINES = 12


_HELP = "ResolutionImpossible"
"""Begins pip's pointer to a page of help, after the line that says what is wrong."""


class InstallFailed(Exception):
    """pip could not install; the message holds its last lines."""

    @property
    def reason(self) -> str:
        """The line that says most."""
        lines = str(self).splitlines()
        errors = [line for line in lines if line.startswith("ERROR:") and _HELP not in line]
        return (errors or lines)[-1].removeprefix("ERROR:").strip()


def pip(
    python: Path, arguments: Sequence[str | Path], tell: Callable[[str], None] = lambda _: None
) -> None:
    """Run one pip command of `python`'s own, telling each line as it comes."""
    argv = [
        *(python, "-m", "pip", *arguments),
        *("--no-deps", "--disable-pip-version-check", "--no-input", "--progress-bar=off"),
    ]
    last: deque[str] = deque(maxlen=LAST_LINES)
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                last.append(line.rstrip())
                tell(line.strip()[:70].replace("[", "("))
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise InstallFailed("\n".join(last) or f"pip ended with {process.returncode}")


def with_pip(*pythons: Path) -> Path:
    """The first of these that has pip: an environment made by another tool may lack it."""
    for python in pythons:
        asked = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False)
        if asked.returncode == 0:
            return python
    raise InstallFailed(f"no pip in {' or '.join(map(str, pythons))}: python -m ensurepip adds it")


def make_venv(folder: Path) -> Path:
    """A fresh virtual environment with pip; answers its python."""
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise InstallFailed((made.stdout + made.stderr).strip()[-1000:])
    return folder / "bin" / "python"
