"""Stock clients of the Hugging Face Hub, each a process of its own, as a trainer starts them."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from app.local import environment
from app.local.lock import Lock
from app.local.steps import Steps
from app.settings import Settings

LOCK = Path(__file__).with_name("clients.lock")

PRELUDE = """
import json, os, urllib.request

def tell(**said):
    with open(os.environ["TOLD"], "w") as file:
        json.dump(said, file, default=str)

def chapter(name):
    place = os.environ["HF_ENDPOINT"] + "/api/telemetry/" + name
    urllib.request.urlopen(urllib.request.Request(place, method="HEAD")).close()

def error(call, *arguments, **named):
    try:
        return f"no error: {call(*arguments, **named)}"
    except Exception as caught:
        chain = []
        while caught is not None:
            chain.append(f"{type(caught).__name__}: {caught}")
            caught = caught.__cause__ or caught.__context__
        return chain
"""
"""What every script has: `tell` its answers, begin a `chapter` that the wire sees, and the chain of
errors that a call ends with."""


def older() -> Path:
    """The python of `datasets` 3.6, `huggingface_hub` 0.36 and Polars; installed once a machine."""
    home = Settings().data_dir / "clients"
    with Lock(home / "install.lock", wait=True):
        return environment.ensure(
            home / "datasets-3.6",
            [str(LOCK)],
            Steps(Console(stderr=True)),
            "Installing older clients (180 MB, once)",
        )


@dataclass(frozen=True, slots=True)
class Client:
    """A machine that trains: its cache, and the endpoint that it was told."""

    home: Path
    endpoint: str
    token: str | None = None
    python: Path = Path(sys.executable)

    def start(self, *argv: str | Path, **environment: str) -> "subprocess.Popen[str]":
        ours = ("LIMBECK_", "HF_", "PYTHON")
        self.home.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            argv,
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith(ours)},
                "HF_HOME": str(self.home / "hf"),
                "HF_ENDPOINT": self.endpoint,
                "HF_HUB_DISABLE_TELEMETRY": "1",
                "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                "HF_HUB_DISABLE_UPDATE_CHECK": "1",
                "HF_UPDATE_DOWNLOAD_COUNTS": "0",
                # The name that `datasets` makes of the endpoint is nobody's.
                "no_proxy": "*",
                **({"HF_TOKEN": self.token} if self.token else {}),
                **environment,
            },
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def begin(self, script: str, **environment: str) -> "subprocess.Popen[str]":
        told = str(self.home / "told.json")
        return self.start(self.python, "-c", PRELUDE + script, TOLD=told, **environment)

    def finish(self, process: "subprocess.Popen[str]") -> Any:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return json.loads((self.home / "told.json").read_text())

    def run(self, script: str, **environment: str) -> Any:
        """What a script tells with `tell(name=value)`."""
        return self.finish(self.begin(script, **environment))

    def hf(self, *arguments: str | Path) -> tuple[int, str]:
        """The `hf` command: its exit code, and all it said."""
        process = self.start(self.python.with_name("hf"), *arguments)
        said, _ = process.communicate(timeout=120)
        return process.returncode, said
