"""Reading the pages: their tables, links and code."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def rows(page: Path, head: str) -> list[list[str]]:
    """The cells of every table whose head line begins with `head`, as they are written."""
    found: list[list[str]] = []
    inside = False
    for line in page.read_text().splitlines():
        if line.startswith(f"| {head} |"):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not set(line) <= set("|- "):
            found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))])
    return found


def code(cell: str) -> str:
    assert re.fullmatch(r"`[^`]+`", cell), cell
    return cell.strip("`")


def pages() -> Iterator[Path]:
    yield from (ROOT / name for name in ("README.md", "prompts/README.md"))
    yield from sorted(DOCS.rglob("*.md"))
