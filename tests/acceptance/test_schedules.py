"""Schedules and webhooks by three workers, each a process of its own."""

from pathlib import Path
from typing import Any

import psycopg

from tests.acceptance.service import Service, eventually
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import TEMPLATE
from tests.schedules.conftest import schedule
from tests.webhooks.receiver import SECRET, Receiver


def test_three_workers_keep_a_time_once_and_tell_its_end_once(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    service = Service(database_url, tmp_path, webhook_networks="127.0.0.0/8")
    with FakeTeacher() as fake, Receiver() as receiver:
        hook = {"url": receiver.url, "secret": f"file:{tmp_path}/secret"}
        try:
            service.serve()
            service.prepare(fake, TEMPLATE)
            service.post("/v1/schedules", schedule(webhook=hook))
            for _ in range(3):
                service.worker()
            with psycopg.connect(database_url, autocommit=True) as connection:
                eventually(lambda: _workers(connection) == 3)
                connection.execute("UPDATE schedule SET next_nominal = now(), next_at = now()")
            run = eventually(lambda: _ended(service))
            told = eventually(lambda: receiver.told)
        finally:
            service.close()
    assert run["state"] == "finished"
    assert [(each.json["data"]["run_id"], each.is_signed) for each in told] == [(run["id"], True)]


def _workers(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT count(*) FROM procrastinate_workers").fetchone()
    return int(row[0]) if row else 0


def _ended(service: Service) -> dict[str, Any] | None:
    runs = service.client.get("/v1/schedules/default/nightly/runs").json()["items"]
    assert len(runs) < 2
    return next((run for run in runs if run["ended_at"]), None)
