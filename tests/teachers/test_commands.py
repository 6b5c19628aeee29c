"""`limbeck teacher` against the API that ships, served on loopback."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from typer.testing import CliRunner, Result

from app import shell
from app.main import create_app
from app.settings import Settings
from app.teachers.commands import commands
from tests.fake_teacher import FakeTeacher


@pytest.fixture
def served(settings: Settings) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    shell.use(url)
    yield url
    server.should_exit = True
    thread.join()
    listening.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments)


def test_a_teacher_is_added_listed_shown_probed_and_removed(served: str, fake: FakeTeacher) -> None:
    added = run("add", "lab/local", f"{fake.url}/v1", "--max-in-flight", "8", "--json")
    assert added.exit_code == 0, added.output
    assert json.loads(added.stdout)["model"] == "fake"
    listed = json.loads(run("list", "--json").stdout)["items"]
    assert [one["ref"] for one in listed] == ["lab/local"]
    assert "can: json_schema" in run("show", "lab/local").output
    changed = run("change", "lab/local", "--training", "forbidden", "--json")
    assert json.loads(changed.stdout)["training"] == "forbidden"
    fake.abilities -= {"json_schema"}
    assert "not held to the schema" in run("probe", "lab/local").output
    assert run("remove", "lab/local").exit_code == 0
    assert run("show", "lab/local").exit_code == 1


def test_health_is_an_exit_code(served: str, fake: FakeTeacher) -> None:
    run("add", "local", fake.url)
    well = run("health", "local")
    assert well.exit_code == 0
    fake.stop()
    gone = run("health", "local", "--json")
    assert gone.exit_code == 1
    assert not json.loads(gone.stdout)["healthy"]


def test_a_teacher_that_does_not_answer_is_refused_with_what_was_seen(served: str) -> None:
    refused = run("add", "local", "http://127.0.0.1:1")
    assert refused.exit_code == 1
    assert "Connection refused" in refused.output
    assert run("add", "local", "http://127.0.0.1:1", "--model", "m", "--no-probe").exit_code == 0
    assert "never asked" in run("show", "local").output


def test_a_name_that_is_none_is_wrong_usage() -> None:
    assert run("show", "No Such").exit_code == 2
