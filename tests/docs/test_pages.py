"""Every page: its links lead somewhere, and the files and names that it mentions exist."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, pages

LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
MENTIONED = re.compile(
    r"`((?:app|docs|tests|scripts|migrations|benchmarks)/[\w./-]*|[\w.-]+\.(?:yml|toml|lock))`"
)
HEADINGS = ("## Context", "## Decision", "## Consequences", "## What would change our mind")
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", list(pages()), ids=name_of)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("page", list(pages()), ids=name_of)
def test_every_file_that_a_page_mentions_exists(page: Path) -> None:
    for path in MENTIONED.findall(page.read_text()):
        assert (ROOT / path).exists() or (page.parent / path).exists(), path


@pytest.mark.parametrize("page", DECISIONS, ids=name_of)
def test_a_decision_says_why_and_what_would_change_it(page: Path) -> None:
    text = page.read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == list(HEADINGS)
    number = int(page.name[:4])
    assert text.startswith(f"# {number}. ")


def test_decisions_are_numbered_from_one_without_a_gap() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    assert DECISIONS


def test_every_page_can_be_reached_from_the_front_door() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in LINK.findall(page.read_text()):
            found = (page.parent / target.partition("#")[0]).resolve()
            if "://" in target:
                continue
            waiting += sorted(found.glob("*.md")) if found.is_dir() else [found]
            waiting = [each for each in waiting if each.suffix == ".md"]
    assert set(pages()) <= reached
