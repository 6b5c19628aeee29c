import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.evaluations.commands import commands
from tests.evaluations.exam import ITEMS


def test_push_and_list(served: str, tmp_path: Path) -> None:
    file = tmp_path / "exam.jsonl"
    file.write_text("".join(json.dumps(item) + "\n" for item in ITEMS), "utf-8")
    run = CliRunner().invoke

    pushed = run(commands, ["push", str(file), "--field", "question", "--field", "id", "--json"])
    assert pushed.exit_code == 0, pushed.output
    version = json.loads(pushed.stdout)
    assert (version["ref"], version["fields"]) == ("default/exam@1", ["question", "id"])
    listed = json.loads(run(commands, ["list", "--json"]).stdout)["items"]
    assert listed == [version]
    assert json.loads(run(commands, ["list", "--namespace", "x", "--json"]).stdout)["items"] == []
    assert "default/exam@1" in run(commands, ["list"]).stdout


@pytest.mark.parametrize(
    ("name", "said"), [("a@3", "versions are numbered"), ("No Such", "should be name")]
)
def test_a_name_that_cannot_be_one_is_told_before_anything_is_sent(
    tmp_path: Path, name: str, said: str
) -> None:
    file = tmp_path / "exam.jsonl"
    file.write_text("{}", "ascii")
    used = CliRunner().invoke(commands, ["push", str(file), "--name", name])
    assert used.exit_code == 2
    assert said in used.output
