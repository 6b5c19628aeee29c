"""Jobs over the shell, against the API that ships, served on loopback."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner, Result

from app.jobs.commands import commands
from app.teachers.commands import commands as teacher
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import Drain, spec


async def run(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, commands, list(arguments))


async def answer(*arguments: str) -> Any:
    done = await run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


async def test_a_job_is_held_changed_watched_cloned_and_retried(
    ready: httpx.AsyncClient, served: str, drain: Drain, fake: FakeTeacher
) -> None:
    job_id = (await ready.post("/v1/jobs", json=spec())).json()["id"]
    assert (await answer("pause", job_id))["state"] == "paused"
    assert (await answer("resume", job_id))["state"] == "queued"
    changed = await answer("change", job_id, "--priority", "4", "--num-records", "12")
    assert (changed["priority"], changed["num_records"]) == (4, 12)
    assert (await run("change", job_id)).exit_code == 2
    watching = asyncio.create_task(run("watch", job_id))
    await drain()
    watched = await watching
    assert watched.exit_code == 0, watched.output
    assert "finished" in watched.stdout
    assert "12/12" in watched.stdout
    clone = await answer("clone", job_id, "--set", '{"num_records": 3}')
    assert (clone["num_records"], clone["state"]) == (3, "queued")
    assert (await answer("cancel", clone["id"]))["state"] == "cancelled"
    assert (await run("retry", job_id)).exit_code == 1
    assert (await run("watch", clone["id"])).exit_code == 1


async def test_a_preview_shows_what_is_asked_and_what_becomes_of_the_reply(
    ready: httpx.AsyncClient, served: str, fake: FakeTeacher, tmp_path: Path
) -> None:
    few = {"name": "length", "field": "answer", "max_words": 1}
    document = tmp_path / "job.json"
    for action, said in (("drop", "verdict refused: "), ("flag", "verdict accepted\nflag ")):
        body = spec(accept={"filters": [few | {"action": action}]})
        document.write_text(json.dumps(body))
        done = await run("preview", str(document), "--rows", "1")
        assert done.exit_code == 0, done.output
        assert re.search(r"^user \S", done.stdout, re.MULTILINE)
        assert re.search(r"^reply \S", done.stdout, re.MULTILINE)
        assert f"{said}filter.length.too_long " in done.stdout
        assert "(threshold 1)" in done.stdout


async def test_who_watches_a_job_that_its_smoke_gate_stops_is_shown_why(
    ready: httpx.AsyncClient, served: str, drain: Drain, fake: FakeTeacher
) -> None:
    fake.says("I'd rather not.")
    job_id = (await ready.post("/v1/jobs", json=spec(num_records=100))).json()["id"]
    watching = asyncio.create_task(run("watch", job_id))
    await drain()
    watched = await watching
    assert watched.exit_code == 1
    assert "smoke_gate: 0 of the first" in watched.stdout
    assert "I'd rather not." in watched.stdout


async def test_limits_are_changed_and_what_was_used_is_shown_with_the_quota_of_each_cell(
    ready: httpx.AsyncClient, served: str, drain: Drain
) -> None:
    priced = ["change", "fake", "--gpus", "2", "--gpu-hour-price", "1.5", "--currency", "EUR"]
    done = await asyncio.to_thread(CliRunner().invoke, teacher, priced)
    assert done.exit_code == 0, done.output
    seeds = {"matrix": {"topic": {"tea": 1, "rain": 3}}}
    document = spec(seeds=seeds, stratify=True, limits={"wall_time": "8h"})
    job_id = (await ready.post("/v1/jobs", json=document)).json()["id"]
    caps = ["--tokens", "60M", "--gpu-hours", "6", "--wall-time", "none", "--cost", "25"]
    changed = await answer("change", job_id, *caps)
    assert changed["limits"] == {
        "max_candidates": 100,
        "tokens": 60_000_000,
        "gpu_hours": 6,
        "wall_time": None,
        "cost": 25,
    }
    await drain()
    shown = (await run("show", job_id)).stdout
    assert re.search(r"of 60M tokens, 0.0\d of 6 GPU hours, \d+s, 0.0\d of 25 EUR", shown)
    assert "2 strata have their quota" in shown
    strata = await answer("strata", job_id)
    assert {one["stratum"]["topic"]: (one["quota"], one["new"]) for one in strata} == {
        "tea": (5, 5),
        "rain": (15, 15),
    }
