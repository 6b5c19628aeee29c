"""A filter of another package, found by its entry point, as docs/filters.md shows it."""

import json
import re
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from app.curation.accept import AcceptSpec
from app.curation.chain import Chain
from app.curation.filter import filters
from app.teachers.completion import Completion
from tests.curation.filters.replies import SCHEMA

PAGE = Path(__file__).parent.parent.parent / "docs" / "filters.md"


def shown(language: str) -> str:
    [block] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(block)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package that the page describes, where `pip install` would put it."""
    (tmp_path / "shouting.py").write_text(shown("python"))
    info = tmp_path / "shouting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[limbeck.filter]\nshouting = shouting\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(filters, "_plugins", dict(filters._plugins))
    monkeypatch.delitem(sys.modules, "shouting", raising=False)


def test_a_filter_of_another_package_works_like_one_of_ours(installed: None) -> None:
    filters.load()
    accept = AcceptSpec.model_validate({"filters": [{"name": "shouting", "max_share": 0.6}]})
    chain = Chain.of(accept, "json", SCHEMA)

    def curate(answer: str) -> str | None:
        reply = json.dumps({"question": "Why?", "answer": answer})
        verdict = chain.curate(Completion(reply, "stop"), {}).verdict
        return verdict.reason if verdict else None

    assert curate("Because of the rain.") is None
    assert curate("BECAUSE OF THE RAIN!") == "filter.shouting"
    assert AcceptSpec.model_validate_json(accept.model_dump_json()) == accept
    kinds = TypeAdapter(AcceptSpec).json_schema()["properties"]["filters"]["items"]["oneOf"]
    [document] = [kind for kind in kinds if kind["properties"]["name"]["const"] == "shouting"]
    assert document["description"] == "A text of the reply in capitals."
    assert document["properties"]["max_share"]["description"].startswith("The share of capital")
