"""The commands against the API that ships, served on loopback."""

import json
from pathlib import Path

import httpx
import yaml
from typer.testing import CliRunner

from app.schedules.commands import commands
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import TEMPLATE, spec
from tests.schedules.conftest import schedule


def test_a_schedule_from_its_beginning_to_its_end(
    served: str, fake: FakeTeacher, tmp_path: Path
) -> None:
    with httpx.Client(base_url=served) as api:
        body = {"name": "fake", "url": fake.url, "model": fake.model}
        assert api.post("/v1/teachers", json=body).is_success
        assert api.post("/v1/templates", json={"name": "qa", "source": TEMPLATE}).is_success
    whole, job = tmp_path / "schedule.yaml", tmp_path / "job.yaml"
    whole.write_text(yaml.safe_dump(schedule()), "utf-8")
    job.write_text(yaml.safe_dump(spec(num_records=2)), "utf-8")

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(commands, list(arguments))
        assert done.exit_code == code, done.output
        return done.stdout

    assert json.loads(run("create", str(whole), "--json"))["cron"] == "30 2 * * *"
    shown = run("show", "nightly")
    assert "30 2 * * * in Europe/Berlin" in shown
    assert shown.count("T02:30:00+0") == 5
    moved = json.loads(run("create", str(whole), "--cron", "@daily", "--replace", "--json"))
    assert moved["cron"] == "@daily"
    options = ("--name", "hourly", "--cron", "@hourly", "--overlap", "queue")
    run("create", "--job", str(job), *options)
    assert "hourly" in run("list")
    run("pause", "hourly")
    assert json.loads(run("show", "hourly", "--json"))["next"] == []
    run("resume", "hourly")
    assert json.loads(run("run", "nightly", "--json"))["state"] == "running"
    assert json.loads(run("run", "nightly", "--json", code=1))["state"] == "skipped"
    assert [each["state"] for each in json.loads(run("runs", "nightly", "--json"))["items"]] == [
        "skipped",
        "running",
    ]
    assert json.loads(run("deliveries", "nightly", "--json"))["items"] == []
    run("delete", "hourly")
    assert len(json.loads(run("list", "--json"))["items"]) == 1
    run("create", code=2)
    run("show", "No Such", code=2)
