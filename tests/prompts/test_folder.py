import json
import re
from pathlib import Path

import pytest

from app.errors import Invalid
from app.prompts.check import check_folder
from app.prompts.folder import bundled_prompts, folders, load
from tests.prompts.sources import QUESTION_ANSWER

PROMPTS = bundled_prompts()
EXAMPLES = """\
- inputs: {topic: a}
  response: {question: Why a?, answer: A.}
- inputs: {topic: b}
  response: {question: Why b?, answer: B.}
- inputs: {topic: c}
  response: {question: Why c?, answer: C.}
- inputs: {topic: d}
  response: {question: "Why `d`?", answer: "```"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "faq"
    path.mkdir()
    (path / "template.j2").write_text(QUESTION_ANSWER)
    (path / "fewshot.yaml").write_text(EXAMPLES)
    return path


@pytest.mark.parametrize("path", folders(PROMPTS), ids=lambda path: path.name)
def test_a_bundled_prompt_is_right_and_its_golden_text_is_what_is_sent(path: Path) -> None:
    assert check_folder(path).problems == ()


@pytest.mark.parametrize("path", folders(PROMPTS), ids=lambda path: path.name)
def test_a_bundled_prompt_suits_a_weak_teacher(path: Path) -> None:
    prompt = load(path)

    assert prompt.few_shot
    assert 6 <= len(prompt.few_shot.examples) <= 8
    room = sum(kind.get("maxLength", 4) for kind in prompt.template.response["properties"].values())
    # About four characters a token for English, and some for the JSON around them.
    assert room / 4 < prompt.template.sampling["max_tokens"]
    assert prompt.template.dedup


def test_the_bundled_prompts_are_those_that_are_described() -> None:
    described = re.findall(
        r"\[`([a-z-]+)`\]\(\1/rendered\.md\)", (PROMPTS / "README.md").read_text()
    )

    assert sorted(described) == [path.name for path in folders(PROMPTS)]


def test_what_the_guide_teaches_works(tmp_path: Path) -> None:
    guide = (PROMPTS / "README.md").read_text()
    [template] = re.findall(r"```jinja\n(.*?)```", guide, re.DOTALL)
    [examples] = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    path = tmp_path / "slogan"
    path.mkdir()
    (path / "template.j2").write_text(template)
    (path / "fewshot.yaml").write_text(examples)

    assert check_folder(path, update=True).problems == ()
    assert check_folder(path).problems == ()


def test_the_golden_text_shows_every_turn_and_the_reply_hoped_for(folder: Path) -> None:
    text = load(folder).golden

    assert text.count("## user") == 4
    assert text.count("## assistant") == 4
    assert "## system\n\n```text\nYou write quiz questions.\n```" in text
    # A fence is longer than any in the text.
    assert text.endswith('````text\n{"question":"Why `d`?","answer":"```"}\n````\n')


def test_a_changed_prompt_is_out_of_date_until_it_is_updated(folder: Path) -> None:
    assert "not up to date" in check_folder(folder).problems[0]
    assert check_folder(folder, update=True).updated
    assert check_folder(folder).problems == ()

    (folder / "template.j2").write_text(QUESTION_ANSWER.replace("quiz", "exam"))
    assert check_folder(folder).problems == (
        "faq/rendered.md is not up to date; `limbeck prompts check --update` writes it",
    )


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("template.j2", QUESTION_ANSWER.replace("{{ topic }}", "{{ topik }}"),
         "faq/template.j2:/source/inputs/topik"),
        ("template.j2", "x" * 70_000, "faq/template.j2: should be at most 65536 bytes"),
        ("fewshot.yaml", EXAMPLES.replace("topic: b", "subject: b"),
         "faq/fewshot.yaml:/1/inputs/topic is required"),
        ("fewshot.yaml", EXAMPLES + "  more: x\n", "faq/fewshot.yaml:/3 should be an object"),
        ("fewshot.yaml", EXAMPLES.partition("- inputs: {topic: d}")[0],
         "faq/fewshot.yaml: should hold from 4 to 8"),
        ("fewshot.yaml", "- &a x", "faq/fewshot.yaml: line 1: anchors"),
    ],
)  # fmt: skip
def test_a_problem_names_its_file_and_place(
    folder: Path, file: str, text: str, problem: str
) -> None:
    (folder / file).write_text(text)

    assert any(found.startswith(problem) for found in check_folder(folder).problems)


def test_a_file_that_is_not_utf8_is_named(folder: Path) -> None:
    (folder / "template.j2").write_bytes(b"---\nd\xe9")

    assert check_folder(folder).problems == ("faq/template.j2: byte 5: should be UTF-8",)


def test_examples_may_be_json_lines(folder: Path) -> None:
    before = load(folder)
    (folder / "fewshot.yaml").unlink()
    lines = [
        json.dumps(
            {
                "inputs": {"topic": letter},
                "response": {"question": f"Why {letter}?", "answer": f"{letter.upper()}."},
            }
        )
        for letter in "abcd"
    ]
    (folder / "fewshot.jsonl").write_text("\n".join(lines) + "\n\n")

    found = load(folder)

    assert found.few_shot
    assert before.few_shot
    assert found.few_shot.examples[:3] == before.few_shot.examples[:3]
    (folder / "fewshot.jsonl").write_text('{"inputs": {}}\n{"inputs"\n')
    with pytest.raises(Invalid, match=r"faq/fewshot.jsonl: line 2: should be a JSON object"):
        load(folder)


def test_a_folder_whose_name_is_none_is_refused(folder: Path) -> None:
    assert (
        "the folder's name should be"
        in check_folder(folder.rename(folder.parent / "FAQ!")).problems[0]
    )


def test_a_prompt_may_have_no_examples(folder: Path) -> None:
    (folder / "fewshot.yaml").unlink()

    assert load(folder).few_shot is None
    assert check_folder(folder, update=True).problems == ()


def test_a_directory_without_prompts_says_so(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no prompt is in"):
        folders(tmp_path)
