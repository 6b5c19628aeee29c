"""The commands against the API that ships, served on loopback."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from typer.testing import CliRunner, Result

from app import shell
from app.corpus.commands import commands
from app.db import Database
from app.main import create_app
from app.settings import Settings
from tests.datasets.corpus import add, grow, job, questions


@pytest.fixture
def served(settings: Settings) -> Iterator[str]:
    asyncio.run(_fill(str(settings.database_url)))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    shell.use(f"http://127.0.0.1:{listening.getsockname()[1]}")
    yield "faq"
    server.should_exit = True
    thread.join()
    listening.close()


async def _fill(url: str) -> None:
    database = Database(url)
    corpus = await grow(database)
    await add(database, corpus, await job(database, corpus), questions(30))
    await database.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, list(arguments))


def test_a_corpus_is_listed_counted_browsed_and_shown(served: str) -> None:
    listed = json.loads(run("list", "--json").stdout)
    assert [each["name"] for each in listed["items"]] == ["faq"]
    assert json.loads(run("get", "faq", "--json").stdout)["records"] == 30
    first = json.loads(run("records", "faq", "--limit", "20", "--json").stdout)
    rest = json.loads(run("records", "faq", "--cursor", first["next"], "--json").stdout)
    assert len({row["id"] for row in first["items"] + rest["items"]}) == 30
    plain = run("records", "faq", "--limit", "2")
    assert "--cursor" in plain.stdout
    shown = run("show", "faq", first["items"][0]["id"])
    assert "What is 0?" in shown.stdout
    assert json.loads(run("rejects", "faq", "--reason", "parse", "--json").stdout)["items"] == []


def test_records_are_deleted_once_it_is_known_how_many(served: str) -> None:
    job_id = json.loads(run("records", "faq", "--json").stdout)["items"][0]["job_id"]
    asked = ("delete", "faq", "--job", job_id, "--reason", "all of it", "--json")
    assert json.loads(run(*asked, "--dry-run").stdout)["records"] == 30
    assert json.loads(run(*asked).stdout)["records"] == 30
    assert json.loads(run("get", "faq", "--json").stdout)["deleted"] == 30
    assert "all of it" in run("deletions", "faq").stdout
    assert run("delete", "faq", "--reason", "nothing said").exit_code == 1


def test_a_wrong_filter_ends_with_what_would_be_right(served: str) -> None:
    found = run("records", "faq", "--job", "nonsense")
    assert found.exit_code == 1
    found = run("show", "faq", "01a1fd29-0000-7000-8000-000000000000")
    assert found.exit_code == 1
