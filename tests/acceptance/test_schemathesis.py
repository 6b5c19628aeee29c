"""No request, however odd, gets a 5xx from the live API."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.service import Service
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import TEMPLATE, spec

SECONDS = 840
"""It takes two minutes where it has a core of its own, and more than five where five share two."""

HOOKS = """
import schemathesis


@schemathesis.serializer("application/x-ndjson", "text/csv", "application/vnd.apache.parquet")
def raw(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
"""


@pytest.mark.timeout(SECONDS + 60)
def test_no_request_gets_a_5xx(database_url: str, tmp_path: Path) -> None:
    # Addresses that the generator invents are refused before anything is sent there.
    service = Service(database_url, tmp_path, teacher_networks="127.0.0.0/8")
    (tmp_path / "hooks.py").write_text(HOOKS)
    with FakeTeacher() as fake:
        try:
            service.serve()
            service.prepare(fake, TEMPLATE)
            service.worker()
            service.ended(service.post("/v1/jobs", spec())["id"])
            run = _schemathesis(f"http://127.0.0.1:{service.port}/openapi.json", tmp_path)
            log = service.logs()
        finally:
            service.close()
    assert run.returncode == 0, run.stdout[-6000:] + log
    assert "unhandled error" not in log


def _schemathesis(url: str, folder: Path) -> Any:
    script = Path(sys.executable).with_name("schemathesis")
    return subprocess.run(
        [
            str(script),
            "run",
            url,
            "--checks",
            "not_a_server_error",
            "--max-examples",
            "5",
            "--phases",
            "examples,coverage,fuzzing",
            "--seed",
            "20261121",
            "--suppress-health-check",
            "all",
            "--no-color",
        ],
        cwd=folder,
        env={"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
