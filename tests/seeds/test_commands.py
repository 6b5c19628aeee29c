"""The commands against the API that ships, served on loopback."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.seeds.commands import commands


def test_push_list_and_rows(served: str, tmp_path: Path) -> None:
    file = tmp_path / "topics.csv"
    file.write_text("topic,level\nrain,easy\nsnow,hard\n", "utf-8")
    run = CliRunner().invoke

    pushed = run(commands, ["push", str(file), "--json"])
    assert pushed.exit_code == 0, pushed.output
    assert json.loads(pushed.stdout)["ref"] == "default/topics@1"
    listed = run(commands, ["list", "--json"])
    assert [each["rows"] for each in json.loads(listed.stdout)["items"]] == [2]
    shown = run(commands, ["rows", "topics@1", "--json"])
    assert [row["fields"]["topic"] for row in json.loads(shown.stdout)["items"]] == [
        "rain",
        "snow",
    ]
    assert "default/topics@1" in run(commands, ["list"]).stdout

    file.write_text("topic,level\nrain\n", "utf-8")
    refused = run(commands, ["push", str(file), "--name", "support/topics"])
    assert refused.exit_code == 1
    assert "line 2: has 1 cells; the header has 2" in refused.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["push", "FILE"], "which format?"),
        (["push", "FILE", "--name", "a@3"], "versions are numbered by the API"),
        (["push", "FILE", "--name", "No Such"], "should be name, namespace/name"),
        (["push", "/no/such/file.csv"], "does not exist"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_sent(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    file = tmp_path / "topics.txt"
    file.write_text("x", "ascii")

    used = CliRunner().invoke(commands, [str(file) if a == "FILE" else a for a in arguments])
    assert used.exit_code == 2
    assert said in used.output
