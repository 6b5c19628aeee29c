"""Layouts over the shell."""

import json
import re
from typing import Any

import pytest
from typer.testing import CliRunner

from app.datasets.commands import commands
from app.datasets.layouts import said
from app.datasets.layouts.catalogue import catalogue
from tests.datasets.corpus import Grown

KNOWN = [view.model_dump() for view in catalogue()]


@pytest.mark.parametrize(
    ("name", "options", "layout"),
    [
        (
            "messages",
            ["prompt=topic,question", "completion=answer", "system=true"],
            {"prompt": ["topic", "question"], "completion": ["answer"], "system": True},
        ),
        ("messages", ["prompt=a", "prompt=b"], {"prompt": ["a", "b"]}),
        ("messages", ["system_text=true, and = so"], {"system_text": "true, and = so"}),
        ("kto", ["label=score", "at_least=4.5"], {"label": "score", "at_least": 4.5}),
        (
            "custom",
            ["columns.q=# {{ a }}", "columns.n=1"],
            {"columns": {"q": "# {{ a }}", "n": "1"}},
        ),
        ("records", ["fields=a,b", "lineage=true"], {"fields": ["a", "b"], "lineage": True}),
        ("of another package", ["x=1", "y=z"], {"x": 1, "y": "z"}),
    ],
)
def test_options_are_read_as_the_layout_takes_them(
    name: str, options: list[str], layout: dict[str, Any]
) -> None:
    assert said.layout(name, options, KNOWN) == {"name": name, **layout}


def test_an_option_without_a_value_is_refused() -> None:
    with pytest.raises(said.Missaid, match="should be key=value"):
        said.layout("messages", ["system"], KNOWN)


def shell(*words: str) -> str:
    done = CliRunner().invoke(commands, words)
    assert done.exit_code == 0, done.output
    return done.stdout


def read(printed: str) -> Any:
    """The JSON; lines that the server logs meanwhile land here too."""
    return json.loads(printed[re.search(r"^[\[{]$", printed, re.MULTILINE).start() :])  # type: ignore[union-attr]


def test_a_layout_is_listed_previewed_and_published(
    served: str, corpus: Grown, job_id: Any
) -> None:
    assert "TRL GKD" in shell("layouts")
    assert read(shell("layouts", "kto"))["row"]["label"] is True
    layout = ("--layout", "messages", "-o", "prompt=question", "-o", "completion=answer")
    made = read(shell("publish", "faq", *layout, "--json"))
    assert made["layout"]["prompt"] == ["question"]
    whole = '{"name": "text", "template": "{{ question }}!"}'
    shown = read(shell("preview", "faq", "--layout-json", whole, "--rows", "1"))
    assert shown == [{"text": "What is 0?!"}]
