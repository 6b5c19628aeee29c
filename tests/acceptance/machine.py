"""`limbeck up` and `limbeck demo` as somebody types them, in a data directory of their own."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from tests.acceptance.service import free_port


class Machine:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.started: list[subprocess.Popen[str]] = []
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("LIMBECK_")},
            "LIMBECK_DATA_DIR": str(folder / "data"),
            "LIMBECK_PORT": str(self.port),
            "COLUMNS": "200",
        }

    def start(self, command: str, **settings: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", command],
            env={**self.environment, **{f"LIMBECK_{k.upper()}": v for k, v in settings.items()}},
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, command: str, **settings: str) -> tuple[int, str]:
        """The exit code, and all it said."""
        with self.start(command, **settings) as process:
            said, _ = process.communicate(timeout=1200)
        return process.returncode, said

    def logs(self) -> str:
        files = sorted((self.folder / "data").rglob("*.log"))
        return "\n".join(f"{path.name}:\n{path.read_text()[-2000:]}" for path in files)

    def living(self) -> list[psutil.Process]:
        """Every process that belongs to this data directory."""
        mark = str(self.folder / "data")
        found = []
        for process in psutil.process_iter(["cmdline", "environ", "cwd", "status"]):
            seen = process.info
            if seen["status"] == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                continue
            words = [*(seen["cmdline"] or ()), *(seen["environ"] or {}).values(), seen["cwd"] or ""]
            if any(mark in word for word in words):
                found.append(process)
        return found

    def close(self) -> None:
        """Nothing outlives the test, whatever it found: no process, and no pipe to one."""
        for process in self.living():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for one in self.started:
            one.communicate()
