"""The metrics page, and the page of docs that lists it."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.db import Database
from app.health.own import show_metrics
from app.health.scrape import Scraper
from app.jobs.room import Room
from app.settings import Settings
from tests.docs.pages import DOCS, code, rows
from tests.jobs.conftest import Drain, drain, ready, spec, tools

__all__ = ["drain", "ready", "tools"]


def samples(page: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def value(page: str, name: str, **labels: str) -> float:
    return samples(page)[name, frozenset(labels.items())]


async def test_what_all_processes_did_is_on_the_page(
    ready: httpx.AsyncClient, drain: Drain, database: Database, settings: Settings
) -> None:
    done = (await ready.post("/v1/jobs", json=spec(num_records=8))).json()["id"]
    await drain()
    await ready.post("/v1/jobs", json=spec(num_records=16))
    page = (await Scraper(database, Room(settings.data_dir, 0)).page()).decode()
    tokens = (await ready.get(f"/v1/jobs/{done}")).json()["tokens"]
    assert value(page, "limbeck_jobs", state="finished") == 1
    assert value(page, "limbeck_jobs", state="queued") == 1
    assert value(page, "limbeck_samples", outcome="accepted") == 8
    assert value(page, "limbeck_chunks", state="ready") == 2
    assert value(page, "limbeck_queue_depth") > 0
    assert value(page, "limbeck_workers", state="alive") == 0
    assert value(page, "limbeck_teacher_away", teacher="default/fake") == 0
    for kind in ("prompt", "completion", "cached"):
        counted = value(page, "limbeck_teacher_tokens_total", teacher="default/fake", kind=kind)
        assert counted == tokens[kind]
    assert value(page, "limbeck_dedup_seconds_count") >= 1
    assert value(page, "limbeck_settle_seconds_count") >= 1


async def test_a_request_counts_under_its_route_and_never_under_its_address(
    api: httpx.AsyncClient,
) -> None:
    for path in ("/v1/jobs/019aa000-0000-7000-8000-000000000000", "/no/such/page"):
        await api.get(path)
    page = (await api.get("/metrics")).text
    counted = "limbeck_http_request_seconds_count"
    assert value(page, counted, method="GET", route="/v1/jobs/{job_id}", status="404") >= 1
    assert value(page, counted, method="GET", route="unknown", status="404") >= 1
    assert "019aa000" not in page


async def test_every_metric_is_documented_and_every_documented_one_is_there(
    ready: httpx.AsyncClient,
) -> None:
    page = (await ready.get("/metrics")).text
    there: dict[str, tuple[str, set[str]]] = {}
    for family in text_string_to_metric_families(page):
        if not family.name.startswith("limbeck_"):
            continue
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        there[name] = (family.type, labels)
    listed: dict[str, tuple[str, set[str]]] = {}
    for row in rows(DOCS / "metrics.md", "metric"):
        name, kind, labelled, _, meaning = row
        assert meaning, name
        listed[code(name)] = (kind, {code(part) for part in labelled.split(", ") if part})
    assert set(listed) == set(there)
    for name, (kind, labels) in there.items():
        assert kind == listed[name][0], name
        assert labels <= listed[name][1], name


def test_a_worker_shows_its_own_on_a_port_of_its_own() -> None:
    shown = show_metrics("127.0.0.1", 0)
    try:
        page = httpx.get(f"http://127.0.0.1:{shown.port}/metrics", trust_env=False).text
        assert "limbeck_settle_seconds_count" in page
        with pytest.raises(Exception, match="metrics cannot be shown"):
            show_metrics("127.0.0.1", shown.port)
    finally:
        shown.close()
    assert show_metrics("127.0.0.1", None).port is None
