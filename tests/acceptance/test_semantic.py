"""A semantic report is worked on by whichever worker takes its ticket."""

import json
from typing import Any

from typer.testing import CliRunner

from app import shell
from app.semantic.commands import commands
from tests.acceptance.service import Service, eventually
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import TEMPLATE, spec


def test_a_worker_embeds_and_compares_and_another_goes_on_where_it_was_killed(
    service: Service, fake: FakeTeacher
) -> None:
    service.prepare(fake, TEMPLATE)
    victim = service.worker()
    job = service.post("/v1/jobs", spec(num_records=600, dedup={"near": False}))
    assert service.ended(job["id"])["state"] == "finished"
    shell.use(str(service.client.base_url))
    address = "/v1/corpora/default/faq/semantic"
    told = CliRunner().invoke(
        commands, ["faq", "--teacher", "fake", "--field", "question", "--threshold", "0.5"]
    )
    assert told.exit_code == 0, told.output

    def report() -> dict[str, Any]:
        shown: dict[str, Any] = service.client.get(address).json()
        return shown

    eventually(lambda: report()["embedded"] > 0)
    victim.kill()
    service.worker()
    ended = eventually(lambda: seen if (seen := report())["state"] == "finished" else None)
    assert ended["embedded"] == ended["compared"] == ended["records"] == 600
    assert ended["pairs"] > 0
    told = CliRunner().invoke(commands, ["faq", "--limit", "2", "--json"])
    assert len(json.loads(told.output)["items"]) == 2
    assert "finished" in CliRunner().invoke(commands, ["faq"]).output
