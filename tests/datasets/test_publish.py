"""Publishing, over HTTP, from a real corpus."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from app.datasets import publish as publishing
from app.datasets import store
from app.datasets.exporters import Records
from app.datasets.spec import PublishSpec, VersionSpec
from app.db import Database
from app.errors import Conflict, Unavailable
from app.names import Ref
from app.settings import Settings
from tests.datasets.corpus import Grown, add, grow, insert, job, questions, sow


async def published(api: httpx.AsyncClient, dataset: str, **body: Any) -> dict[str, Any]:
    answer = await api.post(f"{dataset}/versions", json=body)
    assert answer.status_code == 201, answer.text
    manifest: dict[str, Any] = answer.json()
    return manifest


async def rows_of(api: httpx.AsyncClient, dataset: str, manifest: dict[str, Any]) -> list[Any]:
    rows = []
    for file in manifest["files"]:
        if file["split"]:
            url = f"{dataset}/versions/{manifest['version']}/files/{file['path']}"
            content = (await api.get(url)).content
            rows += pq.read_table(io.BytesIO(content)).to_pylist()
    return rows


async def test_a_version_holds_every_record_in_the_order_they_came(
    api: httpx.AsyncClient, faq: str
) -> None:
    manifest = await published(api, faq)
    assert manifest["version"] == 1
    assert manifest["rows"] == 10
    assert len(manifest["commit"]) == 40
    assert [file["path"] for file in manifest["files"]] == [
        "README.md",
        "data/train-00000-of-00001.parquet",
        "plots/lengths.svg",
        "manifest.json",
    ]
    assert await rows_of(api, faq, manifest) == questions(10)
    assert (await api.get(f"{faq}/versions/latest/manifest")).json() == manifest
    assert (await api.get(faq)).json()["latest"] == 1


async def test_publishing_nothing_is_refused(
    api: httpx.AsyncClient, database: Database, faq: str
) -> None:
    later = {"selection": {"created_after": "2999-01-01T00:00:00Z"}}
    answer = await api.post(f"{faq}/versions", json=later)
    assert answer.status_code == 409
    assert answer.json()["code"] == "dataset.empty"
    await grow(database, "default/empty")
    await api.post("/v1/datasets", json={"name": "empty", "corpus": "empty"})
    answer = await api.post("/v1/datasets/default/empty/versions", json={})
    assert answer.json()["detail"] == "the corpus has no records yet"
    assert (await api.get(f"{faq}/versions")).json()["items"] == []


async def test_a_published_version_stays_as_it_was_while_records_go_on_coming(
    api: httpx.AsyncClient, database: Database, corpus: Grown, job_id: UUID, faq: str
) -> None:
    async with database.unit_of_work() as late:
        # Its ids are older than whatever is inserted from here on, its commit is later.
        await insert(late, corpus, job_id, questions(5, start=1000))
        await add(database, corpus, await job(database, corpus), questions(5, start=2000))
        first = await published(api, faq)
        before = await rows_of(api, faq, first)
    assert first["rows"] == 15
    second = await published(api, faq)
    assert second["rows"] == 20
    assert await rows_of(api, faq, first) == before
    assert (await api.get(f"{faq}/versions/1/manifest")).json() == first


async def test_what_commits_between_two_pages_of_the_freeze_is_left_out(
    database: Database, corpus: Grown, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await job(database, corpus)
    await add(database, corpus, made, questions(1200))
    read, pages = store.rows, 0

    async def commit_meanwhile(*given: Any) -> AsyncIterator[Any]:
        nonlocal pages
        async for page in read(*given):
            pages += 1
            await add(database, corpus, made, questions(10, start=5000 + 10 * pages))
            yield page

    monkeypatch.setattr(store, "rows", commit_meanwhile)
    spec = PublishSpec(dataset=Ref("default", "faq"))
    version = await publishing.publish(database, settings.data_dir, corpus.corpus_id, spec)
    assert version.rows == 1200
    assert pages > 2


async def test_publishing_at_once_gives_each_its_own_number(
    api: httpx.AsyncClient, faq: str
) -> None:
    made = await asyncio.gather(*(published(api, faq) for _ in range(4)))
    assert sorted(manifest["version"] for manifest in made) == [1, 2, 3, 4]
    assert len({manifest["commit"] for manifest in made}) == 4
    data = {manifest["files"][1]["sha256"] for manifest in made}
    assert len(data) == 1


async def test_a_key_publishes_once(api: httpx.AsyncClient, faq: str) -> None:
    key = {"Idempotency-Key": "nightly-7"}
    first = await api.post(f"{faq}/versions", json={}, headers=key)
    again = await api.post(f"{faq}/versions", json={}, headers=key)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert first.headers["location"] == f"{faq}/versions/1"
    assert len((await api.get(f"{faq}/versions")).json()["items"]) == 1


async def test_a_failed_publication_leaves_no_file_and_no_version(
    api: httpx.AsyncClient,
    database: Database,
    corpus: Grown,
    job_id: UUID,
    settings: Settings,
) -> None:
    await add(database, corpus, job_id, [{"question": 7, "answer": "A number in a text column."}])
    with pytest.raises(Conflict, match="cannot be published: question: 7 is not text"):
        await publishing.publish(
            database, settings.data_dir, corpus.corpus_id, PublishSpec(dataset=Ref("a", "b"))
        )
    assert [p for p in (settings.data_dir / "files").rglob("*") if p.is_file()] == []
    assert (await api.get("/v1/datasets/a/b/versions")).json()["items"] == []


async def test_a_disk_that_takes_no_files_is_told_as_such(
    database: Database, corpus: Grown, job_id: UUID, settings: Settings
) -> None:
    settings.data_dir.write_text("in the way", "ascii")
    with pytest.raises(Unavailable, match="takes no files"):
        await publishing.publish(
            database, settings.data_dir, corpus.corpus_id, PublishSpec(dataset=Ref("a", "b"))
        )


async def test_a_number_beyond_every_column_is_told_with_its_record(
    database: Database, settings: Settings
) -> None:
    corpus = await grow(database, "default/huge", {"n": "number"})
    made = await job(database, corpus)
    async with database.unit_of_work() as session:
        await session.execute(
            text("""
                INSERT INTO record (corpus_id, job_id, item, sample, digest, fields)
                VALUES (:corpus, :job, 0, 0, 'x', '{"n": 1e400}')
            """),
            {"corpus": corpus.corpus_id, "job": made},
        )
    with pytest.raises(Conflict, match=r"record .* cannot be published"):
        await publishing.publish(
            database, settings.data_dir, corpus.corpus_id, PublishSpec(dataset=Ref("a", "b"))
        )


async def test_a_job_publishes_what_it_made_into_a_dataset_that_it_makes(
    database: Database, corpus: Grown, job_id: UUID, settings: Settings
) -> None:
    spec = PublishSpec.model_validate({"dataset": "support/faq", "layout": "records"})
    made = await publishing.publish(database, settings.data_dir, corpus.corpus_id, spec)
    again = await publishing.publish(database, settings.data_dir, corpus.corpus_id, spec)
    assert (str(made.ref), str(again.ref)) == ("support/faq@1", "support/faq@2")
    assert made.rows == 10
    other = await grow(database, "default/other")
    with pytest.raises(Conflict, match="is published from corpus default/faq"):
        await publishing.publish(database, settings.data_dir, other.corpus_id, spec)


async def test_a_selection_takes_the_records_of_some_jobs_or_templates(
    api: httpx.AsyncClient, database: Database, corpus: Grown, job_id: UUID, faq: str
) -> None:
    other = await job(database, corpus, template="default/rewrite@3")
    await add(database, corpus, other, questions(4, start=500))
    for selection, rows in (
        ({}, 14),
        ({"jobs": [str(other)]}, 4),
        ({"templates": ["rewrite"]}, 4),
        ({"templates": ["rewrite@3", "question-answer@1"]}, 14),
        ({"jobs": [str(other), str(job_id)], "templates": ["question-answer"]}, 10),
    ):
        assert (await published(api, faq, selection=selection))["rows"] == rows
    answer = await api.post(f"{faq}/versions", json={"selection": {"templates": ["rewrite@2"]}})
    assert answer.json()["code"] == "dataset.empty"
    answer = await api.post(f"{faq}/versions", json={"selection": {"jobs": [str(uuid4())]}})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "/selection/jobs/0"


async def test_the_manifest_tells_how_the_rows_were_made(
    api: httpx.AsyncClient, database: Database, corpus: Grown, job_id: UUID, faq: str
) -> None:
    async with database.unit_of_work() as session:
        await session.execute(
            text("""
                INSERT INTO reject (corpus_id, job_id, item, sample, reason, revision)
                VALUES (:corpus, :job, 90, 0, 'filter.refusal', 1)
            """),
            {"corpus": corpus.corpus_id, "job": job_id},
        )
    manifest = await published(api, faq)
    assert manifest["sources"] == [
        {
            "job": str(job_id),
            "arm": None,
            "digest": "d1",
            "template": "default/question-answer@1",
            "few_shot": None,
            "teacher": "default/local",
            "seeds": None,
            "rows": 10,
            "corpus": "default/faq",
        }
    ]
    assert manifest["funnel"]["rejected"] == {"filter.refusal": 1}
    card = (await api.get(f"{faq}/versions/1/files/README.md")).text
    assert "Numbers, asked about." in card
    assert "`default/question-answer@1`" in card
    written = orjson.loads((await api.get(f"{faq}/versions/1/files/manifest.json")).content)
    assert written["files"] == manifest["files"][:-1]


async def test_a_dataset_keeps_its_splits(api: httpx.AsyncClient, faq: str) -> None:
    await published(api, faq, splits={"train": 0.5, "test": 0.5})
    answer = await api.post(f"{faq}/versions", json={"splits": {"train": 1.0}})
    assert answer.status_code == 409
    assert "train 0.5, test 0.5" in answer.json()["detail"]
    manifest = await published(api, faq)
    assert list(manifest["splits"]) == ["train", "test"]
    assert sum(split["rows"] for split in manifest["splits"].values()) == 10


async def test_rows_of_one_seed_row_stay_together_over_jobs_and_versions(
    api: httpx.AsyncClient, database: Database
) -> None:
    columns = {"topic": "string", "level": "string", "answer": "string"}
    corpus = await grow(database, "default/sown", columns)
    dataset = "/v1/datasets/default/sown"
    await api.post("/v1/datasets", json={"name": "sown", "corpus": "sown"})

    def rows(level: str, count: int) -> list[dict[str, Any]]:
        return [{"topic": f"t{n}", "level": level, "answer": f"{level} {n}"} for n in range(count)]

    seen: dict[str, str] = {}
    splits = {"train": 0.6, "test": 0.4}
    for version in range(1, 4):
        # A later version of the seeds, rows written in the job: the same seed rows all the same.
        seeds = None if version == 3 else await sow(database, ["topic", "hint"], version)
        document = {"seeds": {"rows": [{"topic": "t0"}]}} if version == 3 else None
        made = await job(database, corpus, seeds=seeds, document=document)
        await add(database, corpus, made, rows(f"level{version}", 30 * version))
        manifest = await published(api, dataset, splits=splits)
        for file in manifest["files"]:
            if not file["split"]:
                continue
            content = (await api.get(f"{dataset}/versions/{version}/files/{file['path']}")).content
            for row in pq.read_table(io.BytesIO(content)).to_pylist():
                assert seen.setdefault(row["topic"], file["split"]) == file["split"]
    assert manifest["rows"] == 180
    assert set(seen.values()) == {"train", "test"}
    shares = {name: split["share"] for name, split in manifest["splits"].items()}
    assert sum(shares.values()) == pytest.approx(1)


async def test_defining_a_dataset_twice_is_the_same_dataset(
    api: httpx.AsyncClient, database: Database, faq: str
) -> None:
    body = {"name": "faq", "corpus": "faq", "description": "Numbers, asked about."}
    assert (await api.post("/v1/datasets", json=body)).status_code == 200
    other = await api.post("/v1/datasets", json={**body, "description": "Else."})
    assert (other.status_code, other.json()["code"]) == (409, "dataset.exists")
    await grow(database, "default/letters")
    other = await api.post("/v1/datasets", json={**body, "corpus": "letters"})
    assert (other.status_code, other.json()["code"]) == (409, "dataset.other_corpus")
    other = await api.post("/v1/datasets", json={**body, "corpus": "nowhere"})
    assert (other.status_code, other.json()["code"]) == (404, "corpus.not_found")
    assert [d["name"] for d in (await api.get("/v1/datasets")).json()["items"]] == ["faq"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"layout": {"name": "nothing"}}, "/layout"),
        ({"layout": {"name": "records", "fields": ["question", "anser"]}}, "/layout/fields"),
        ({"layout": {"name": "messages", "completion": []}}, "/layout/completion"),
        (
            {"layout": {"name": "messages", "prompt": ["q"], "completion": ["answer"]}},
            "/layout/prompt",
        ),
        ({"splits": {"train": 0.5}}, "/splits"),
        ({"splits": {"../up": 1.0}}, "/splits/../up/[key]"),
        ({"selection": {"job": []}}, "/selection/job"),
    ],
)
async def test_a_bad_publication_is_refused_by_field(
    api: httpx.AsyncClient, faq: str, body: dict[str, Any], field: str
) -> None:
    answer = await api.post(f"{faq}/versions", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"].replace("~1", "/") == field


def test_records_is_the_layout_if_none_is_named() -> None:
    assert VersionSpec().layout == Records()
