"""The tour of the front door, walked as it is written, beside a scripted teacher."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.service import Service
from tests.fake_teacher import FakeTeacher

README = Path(__file__).parents[2] / "README.md"
ADDRESS = "http://127.0.0.1:8000"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CURL = """#!{python}
import sys, httpx
words = iter(sys.argv[1:])
url, body, headers = None, None, {{}}
for word in words:
    match word:
        case "-sS":
            pass
        case "-H":
            name, _, value = next(words).partition(":")
            headers[name] = value.strip()
        case "--json":
            body = next(words)
            headers["Content-Type"] = "application/json"
        case _:
            url = word
answer = httpx.request("POST" if body else "GET", url, content=body, headers=headers, timeout=60)
print(answer.text)
sys.exit(not answer.is_success)
"""


def tour() -> list[str]:
    text = README.read_text()
    walked = text[text.index("## A tour") : text.index("## Your own teacher")]
    return BLOCK.findall(walked)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory, and a `curl` that does what the tour asks of it."""
    curl = tmp_path / "bin" / "curl"
    curl.parent.mkdir()
    curl.write_text(CURL.format(python=sys.executable))
    curl.chmod(0o755)
    return tmp_path


def test_every_step_of_the_tour_works_as_it_is_written(
    service: Service, fake: FakeTeacher, folder: Path
) -> None:
    service.post("/v1/teachers", {"name": "local", "url": f"{fake.url}/v1", "model": fake.model})
    service.worker()
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LIMBECK_URL": str(service.client.base_url).rstrip("/"),
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    }
    steps = ["limbeck prompts push", *tour()]
    said = ""
    for step in steps:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", step.replace(ADDRESS, environment["LIMBECK_URL"])],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{step}\n{done.stdout}\n{service.logs()}"
        said += done.stdout
    assert "DatasetDict" in said
    assert len(tour()) >= 6
