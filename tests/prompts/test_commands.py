import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from typer.testing import CliRunner, Result

from app import shell
from app.main import create_app
from app.prompts.commands import commands
from app.prompts.folder import bundled_prompts
from app.settings import Settings


@pytest.fixture
def served(settings: Settings) -> Iterator[str]:
    """The address of a running API, for commands that speak HTTP to it."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    shell.use(url)
    yield url
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """A directory of prompts that a test may change."""
    shutil.copytree(bundled_prompts(), tmp_path / "prompts")
    return tmp_path / "prompts"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


def test_check_needs_no_api_and_tells_what_is_wrong(prompts: Path) -> None:
    assert run("check", prompts).exit_code == 0
    template = prompts / "classify" / "template.j2"
    template.write_text(template.read_text().replace("{{ label }}", "{{ labl }}"))

    found = run("check", prompts)

    assert found.exit_code == 1
    assert "wrong classify" in found.output
    assert "classify/template.j2:/source/inputs/labl the user turn uses 'labl'" in found.output
    assert "ok evolve" in found.output


def test_check_writes_what_is_out_of_date_only_when_asked(prompts: Path) -> None:
    golden = prompts / "evolve" / "rendered.md"
    before = golden.read_text()
    golden.write_text("old")

    assert run("check", prompts).exit_code == 1
    assert golden.read_text() == "old"
    assert run("check", prompts / "evolve", "--update").exit_code == 0
    assert golden.read_text() == before
    assert json.loads(run("check", prompts, "--json").output)[1] == {
        "name": "evolve",
        "problems": [],
        "updated": False,
    }


def test_pushing_twice_makes_one_version_and_an_edit_makes_the_next(
    served: str, prompts: Path
) -> None:
    first = json.loads(run("push", prompts, "--json").output)
    again = json.loads(run("push", prompts, "--json").output)
    template = prompts / "evolve" / "template.j2"
    template.write_text(template.read_text().replace("more skill", "much more skill"))
    edited = json.loads(run("push", prompts / "evolve", "--json").output)

    assert [one["name"] for one in first] == [
        "classify",
        "evolve",
        "grade",
        "question-answer",
        "rationale",
    ]
    assert all(one["template_is_new"] and one["few_shot_is_new"] for one in first)
    assert not any(one["template_is_new"] or one["few_shot_is_new"] for one in again)
    assert [one["template"] for one in again] == [one["template"] for one in first]
    assert edited == [
        {
            "name": "evolve",
            "template": "default/evolve@2",
            "template_is_new": True,
            "few_shot": "default/evolve@2",
            "few_shot_is_new": True,
        }
    ]


def test_nothing_is_pushed_when_one_prompt_is_wrong(served: str, prompts: Path) -> None:
    (prompts / "rationale" / "fewshot.yaml").write_text("- nothing")

    assert run("push", prompts).exit_code != 0
    (prompts / "rationale" / "fewshot.yaml").unlink()
    assert "new" in run("push", prompts / "classify").output


def test_what_was_pushed_is_pulled_back_as_it_was(
    served: str, prompts: Path, tmp_path: Path
) -> None:
    run("push", prompts, "--namespace", "team")

    pulled = run("pull", "team/rationale", tmp_path / "elsewhere")

    assert pulled.exit_code == 0, pulled.output
    for file in ("template.j2", "rendered.md"):
        ours = (prompts / "rationale" / file).read_text()
        assert (tmp_path / "elsewhere" / "rationale" / file).read_text() == ours
    assert run("check", tmp_path / "elsewhere").exit_code == 0


def test_pulling_keeps_the_examples_that_belong_to_the_version(
    served: str, prompts: Path, tmp_path: Path
) -> None:
    run("push", prompts / "evolve")
    template = prompts / "evolve" / "template.j2"
    template.write_text(template.read_text().replace("evolved", "harder"))
    examples = prompts / "evolve" / "fewshot.yaml"
    examples.write_text(examples.read_text().replace("evolved:", "harder:"))
    assert run("push", prompts / "evolve").exit_code == 0

    assert run("pull", "evolve@1", tmp_path / "one").exit_code == 0
    assert run("pull", "evolve", tmp_path / "two").exit_code == 0

    assert "harder:" not in (tmp_path / "one" / "evolve" / "fewshot.yaml").read_text()
    assert "harder:" in (tmp_path / "two" / "evolve" / "fewshot.yaml").read_text()


def test_pulling_replaces_nothing_unless_it_is_forced(served: str, prompts: Path) -> None:
    run("push", prompts / "evolve")
    template = prompts / "evolve" / "template.j2"
    template.write_text("mine")

    refused = run("pull", "evolve", prompts)
    assert refused.exit_code == 1
    assert template.read_text() == "mine"

    assert run("pull", "evolve", prompts, "--force").exit_code == 0
    assert "description" in template.read_text()


def test_pulling_what_is_not_there_says_what_is_near(served: str, prompts: Path) -> None:
    run("push", prompts / "evolve")

    found = run("pull", "evolv", prompts)

    assert found.exit_code == 1
    assert "Did you mean default/evolve?" in found.output
    assert run("pull", "no good", prompts).exit_code == 2
