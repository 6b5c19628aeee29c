"""What Axolotl, LLaMA-Factory, torchtune and OpenAI make of published versions."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.trainers.conftest import Run, told
from tests.trainers.shelf import ROWS

pytestmark = [pytest.mark.xdist_group("trainers"), pytest.mark.timeout(900)]

Found = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def axolotl(run: Run, tiny: Path) -> Found:
    found: Found = told(run("with_axolotl.py", tiny))
    return found


@pytest.fixture(scope="module")
def llama_factory(run: Run, tiny: Path) -> Found:
    found: Found = told(run("with_llama_factory.py", tiny))
    return found


@pytest.fixture(scope="module")
def torchtune(run: Run, tiny: Path) -> Found:
    found: Found = told(run("with_torchtune.py", tiny))
    return found


@pytest.mark.parametrize("layout", ["messages", "thoughts", "sharegpt", "alpaca", "alpaca_system"])
def test_axolotl_learns_what_the_assistant_says(axolotl: Found, layout: str) -> None:
    read, learnt = axolotl[layout]["read"], axolotl[layout]["learnt"]
    assert "number 1" in learnt, "the answers are numbered from 100"
    assert len(learnt) < len(read)
    assert learnt.startswith("<think>Thought ") == (layout == "thoughts")
    assert ("Be brief." in read) == (layout in {"sharegpt", "alpaca_system"})


def test_axolotl_reads_texts_and_preferences(axolotl: Found) -> None:
    assert axolotl["text"]["read"].startswith("Q: ")
    for layout in ("preference", "preference_turns"):
        assert "number 1" in axolotl[layout]["chosen"]
        assert "number 2" in axolotl[layout]["rejected"]
    assert "You know the weather" in axolotl["preference_turns"]["prompt"]
    assert isinstance(axolotl["kto"]["label"], bool)


@pytest.mark.parametrize(
    "layout", ["messages", "distilled", "sharegpt", "alpaca", "alpaca_plain", "prompt_completion"]
)
def test_llama_factory_finds_a_version_by_its_own_entry(llama_factory: Found, layout: str) -> None:
    found = llama_factory[layout]
    assert found["rows"] == ROWS, "a row whose turns do not alternate would be dropped"
    assert "number 1" in found["labels"]
    assert len(found["labels"]) < len(found["input_ids"])
    assert ("Be brief." in found["input_ids"]) == (layout in {"alpaca", "sharegpt"})


def test_llama_factory_reads_texts_preferences_and_labels(llama_factory: Found) -> None:
    assert llama_factory["text"]["input_ids"].startswith("Q: ")
    assert "number 1" in llama_factory["preference"]["chosen_labels"]
    assert "number 2" in llama_factory["preference"]["rejected_labels"]
    assert isinstance(llama_factory["kto"]["kto_tags"], bool)


@pytest.mark.parametrize("layout", ["messages", "sharegpt", "prompt_completion", "alpaca"])
def test_torchtune_learns_what_the_assistant_says(torchtune: Found, layout: str) -> None:
    assert torchtune[layout]["rows"] == ROWS
    assert "number 1" in torchtune[layout]["learnt"]
    assert len(torchtune[layout]["learnt"]) < len(torchtune[layout]["read"])


def test_torchtune_reads_texts_and_preferences(torchtune: Found) -> None:
    assert torchtune["text"]["read"].startswith("Q: ")
    assert "number 1" in torchtune["preference"]["chosen"]
    assert "number 2" in torchtune["preference"]["rejected"]


def test_openai_takes_the_file_as_it_is(run: Run, shelf: Path) -> None:
    folder = shelf / "default" / "openai.v1"
    [entry] = [
        file
        for file in json.loads((folder / "manifest.json").read_text())["files"]
        if file["split"]
    ]
    found = told(run("with_openai.py", folder / entry["path"]))
    assert found["lines"] == ROWS
    assert found["first"]["messages"][0] == {"role": "system", "content": "Be brief."}
