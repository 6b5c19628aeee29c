"""How a child is started: it ends with its parent, and Postgres never sees root."""

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

Who = Literal["self", "mapped", "dropped"]

LAUNCH = Path(__file__).parent / "programs" / "launch.py"
NOBODY = 65534


def command(who: Who, argv: Sequence[str | Path]) -> list[str]:
    """The command line that runs `argv` under `launch.py`.

    On Linux the child gets SIGINT when the *thread* that starts it ends: start it from a thread
    that outlives it.
    """
    return [sys.executable, "-IS", str(LAUNCH), who, *map(str, argv)]


@cache
def unprivileged() -> Who:
    """Who may run a Postgres server here: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return "self"
    probe = subprocess.run(command("mapped", ["true"]), capture_output=True, check=False)
    return "mapped" if probe.returncode == 0 else "dropped"


def hand_over(path: Path, who: Who) -> None:
    """Give `path`, and all below it, to `who`."""
    owner = NOBODY if who == "dropped" else 0
    if os.geteuid() != 0 or path.stat().st_uid == owner:
        return
    for folder, folders, files in os.walk(path):
        for name in folders + files:
            os.lchown(Path(folder) / name, owner, owner)
    os.chown(path, owner, owner)


def open_the_way(path: Path, who: Who) -> None:
    """Let another account pass through (not list) the folders above `path`."""
    if who != "dropped":
        return
    for parent in path.resolve().parents:
        mode = parent.stat().st_mode
        if not mode & 0o001:
            parent.chmod(mode | 0o001)
