"""What TRL makes of published versions."""

from pathlib import Path
from typing import Any

import pytest

from tests.trainers.conftest import Run, told
from tests.trainers.shelf import ROWS

pytestmark = [pytest.mark.xdist_group("trainers"), pytest.mark.timeout(900)]

SAID = "<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def trl(run: Run, tiny: Path) -> dict[str, dict[str, Any]]:
    """By layout: each was trained on for a step."""
    found: dict[str, dict[str, Any]] = told(run("with_trl.py", tiny))
    return found


def test_chat_turns_reach_the_student_as_they_were_said(trl: dict[str, dict[str, Any]]) -> None:
    read = trl["messages"]["read"]
    assert read.startswith("<|im_start|>system\nYou know the weather.<|im_end|>\n")
    assert read.count("<|im_start|>user\nTopic: example") == 2
    assert read.count(SAID) == 3


def test_a_distilled_prompt_is_short_and_only_the_reply_is_learnt(
    trl: dict[str, dict[str, Any]],
) -> None:
    assert "example" not in trl["distilled"]["read"]
    assert trl["distilled"]["read"].startswith("<|im_start|>user\n")
    assert trl["assistant_only"]["learnt"].startswith('{"question":')


def test_lines_of_json_load_like_parquet(trl: dict[str, dict[str, Any]]) -> None:
    assert trl["openai"]["read"].startswith("<|im_start|>system\nBe brief.<|im_end|>\n")


def test_reasoning_is_learnt_before_the_answer(trl: dict[str, dict[str, Any]]) -> None:
    assert f"{SAID}<think>Thought " in trl["thoughts"]["read"]
    assert f"{SAID}<think>\nThought " in trl["inline"]["read"]


@pytest.mark.parametrize("layout", ["prompt_completion", "turns"])
def test_of_a_prompt_and_its_completion_the_completion_is_learnt(
    trl: dict[str, dict[str, Any]], layout: str
) -> None:
    read, learnt = trl[layout]["read"], trl[layout]["learnt"]
    assert read.endswith(learnt)
    assert learnt != read
    assert "number 1" in learnt, "the answers are numbered from 100"


def test_texts_are_learnt_whole(trl: dict[str, dict[str, Any]]) -> None:
    for layout in ("text", "custom"):
        assert trl[layout]["learnt"] == trl[layout]["read"]
    assert trl["text"]["read"].startswith("Q: ")


@pytest.mark.parametrize("layout", ["preference", "preference_turns", "preference_whole"])
def test_preferences_are_compared(trl: dict[str, dict[str, Any]], layout: str) -> None:
    chosen, rejected = trl[layout]["pair"]
    assert "number 1" in chosen, "the better answers are numbered from 100"
    assert "number 2" in rejected, "the worse ones from 200"
    assert ("You know the weather" in chosen) == (layout == "preference_turns")


@pytest.mark.parametrize("layout", ["kto", "kto_turns"])
def test_answers_are_told_apart_by_their_label(trl: dict[str, dict[str, Any]], layout: str) -> None:
    assert sorted(trl[layout]["labels"]) == [False] * (ROWS // 2) + [True] * (ROWS // 2)


@pytest.mark.parametrize("trainer", ["gkd", "reward", "prompt_only"])
def test_the_other_trainers_take_a_step(trl: dict[str, dict[str, Any]], trainer: str) -> None:
    assert trl[trainer]["loss"] is not None


def test_the_command_trains_from_a_pulled_version(run: Run, tiny: Path, shelf: Path) -> None:
    options = {
        "model_name_or_path": str(tiny),
        "dataset_name": "default/distilled.v1",
        "output_dir": "student",
        "max_steps": "3",
        "per_device_train_batch_size": "2",
        "save_strategy": "no",
        "report_to": "none",
        "bf16": "False",
        "use_cpu": "True",
    }
    run("trl", "sft", *(part for key, value in options.items() for part in (f"--{key}", value)))
    assert (shelf / "student" / "model.safetensors").stat().st_size > 1000
