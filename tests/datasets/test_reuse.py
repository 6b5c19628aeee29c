"""A later version writes what is new, and lists the files of the earlier one for the rest."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.datasets import store
from app.datasets.files import Files
from app.datasets.publish import PublishedVersion, publish
from app.datasets.shards import Sizes
from app.datasets.spec import PublishSpec
from app.db import Database
from app.settings import Settings
from tests.datasets.corpus import Grown, add, grow, job
from tests.datasets.texts import essays

SIZES = Sizes(group_rows=7, shard_rows=40)
Publish = Any


@pytest.fixture
def issue(database: Database, corpus: Grown, settings: Settings) -> Publish:
    async def run(**said: Any) -> PublishedVersion:
        spec = PublishSpec.model_validate({"dataset": "faq", "decontaminate": [], **said})
        return await publish(database, settings.data_dir, corpus.corpus_id, spec, SIZES)

    return run


def data(version: PublishedVersion) -> list[tuple[str, int]]:
    return [(each.sha256, each.rows) for each in version.manifest.files if each.rows]


def on_disk(folder: Path) -> dict[str, tuple[int, int]]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


@pytest.mark.parametrize("by", ["seed", "row", "cluster"])
async def test_one_percent_more_rows_cost_one_more_shard_and_the_card(
    by: str, issue: Publish, database: Database, corpus: Grown, settings: Settings
) -> None:
    made = await job(database, corpus)
    await add(database, corpus, made, essays(200))
    splits = {"train": 0.75, "test": 0.25, "by": by}
    first = await issue(splits=splits, mix=[{"by": ["_corpus"], "cap": 10_000}])
    before = on_disk(settings.data_dir)
    await add(database, corpus, made, essays(2, start=900))
    second = await issue(mix=[{"by": ["_corpus"], "cap": 10_000}])
    after = on_disk(settings.data_dir)
    kept = {sha256 for sha256, _ in data(first)}
    new = [(sha256, rows) for sha256, rows in data(second) if sha256 not in kept]
    assert kept < {sha256 for sha256, _ in data(second)}
    assert sum(rows for _, rows in new) == 2
    assert {name: after[name] for name in before} == before  # not even written again
    written = sum(size for name, (size, _) in after.items() if name not in before)
    cards = sum(each.size for each in second.manifest.files if each.split is None)
    assert written == cards + sum(
        each.size for each in second.manifest.files if (each.sha256, each.rows) in new
    )


async def test_small_shards_are_written_together_and_full_ones_stay(
    issue: Publish, database: Database, corpus: Grown
) -> None:
    made = await job(database, corpus)
    seen: list[list[int]] = []
    for number in range(7):
        await add(database, corpus, made, essays(13, start=100 * number))
        seen.append([rows for _, rows in data(await issue())])
    assert seen[:4] == [[13], [26], [39], [39, 13]]
    assert sum(seen[-1]) == 91
    assert max(len(rows) for rows in seen) <= 4


async def test_a_shard_that_lost_rows_is_written_anew_and_its_neighbours_are_not(
    issue: Publish, database: Database, corpus: Grown, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await job(database, corpus)
    await add(database, corpus, made, essays(120))
    first = data(await issue())
    async with database.unit_of_work() as session:
        found = await session.scalars(text("SELECT id FROM record ORDER BY id"))
        doomed = list(found)[45:48]
        await session.execute(text("DELETE FROM record WHERE id = ANY(:ids)"), {"ids": doomed})
    read, rows = store.rows, 0

    async def counted(*given: Any) -> AsyncIterator[Any]:
        nonlocal rows
        async for page in read(*given):
            rows += len(page)
            yield page

    monkeypatch.setattr(store, "rows", counted)
    second = data(await issue())
    assert [count for _, count in second] == [40, 37, 40]
    assert [second[0], second[2]] == [first[0], first[2]]
    # And a sample for the card, here all of them.
    assert rows == 37 + 117
    third = data(await issue(selection={"where": {"question": {"one_of": ["What of 3?"]}}}))
    assert [count for _, count in third] == [1]


async def test_another_layout_or_a_spoilt_file_is_written_again(
    issue: Publish, database: Database, corpus: Grown, job_id: UUID, settings: Settings
) -> None:
    first = await issue()
    [(sha256, _)] = data(first)
    path = Files(settings.data_dir).path(sha256)
    path.chmod(0o644)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"?")
    again = await issue()
    assert data(again) == data(first)
    assert path.read_bytes() == content
    layout = {"name": "records", "fields": ["answer"]}
    assert data(await issue(layout=layout)) != data(first)
    assert data(await issue()) == data(first)


async def test_rows_of_two_corpora_keep_their_places_whatever_comes_between(
    issue: Publish, database: Database, corpus: Grown, settings: Settings
) -> None:
    other = await grow(database, "default/chat")
    jobs = [await job(database, corpus), await job(database, other)]
    async with database.unit_of_work() as session:
        await store.define(
            session,
            PublishSpec.model_validate({"dataset": "faq"}).dataset,
            [corpus.corpus_id, other.corpus_id],
            "",
        )
    await add(database, corpus, jobs[0], essays(60))
    await add(database, other, jobs[1], essays(60, start=100))
    first = data(await issue(mix=[{"by": ["_corpus"], "cap": 50}]))
    await add(database, corpus, jobs[0], essays(3, start=300))
    second = data(await issue(mix=[{"by": ["_corpus"], "cap": 55}]))
    assert [count for _, count in first] == [40, 40, 20]
    assert second[:2] == first[:2]
    assert sum(count for _, count in second) == 110
