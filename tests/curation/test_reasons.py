"""docs/reasons.md against the code that gives the reasons."""

import re
from pathlib import Path

from app.curation.filter import filters
from app.curation.parser import parsers

ROOT = Path(__file__).parent.parent.parent
CURATION = ROOT / "app" / "curation"


def listed() -> set[str]:
    page = (ROOT / "docs" / "reasons.md").read_text("utf-8")
    return set(re.findall(r"^\| `([a-z_]+(?:\.[a-z_]+)+)` \|", page, re.MULTILINE))


def given() -> set[str]:
    """Every reason that stands in the source of curation."""
    found: set[str] = set()
    for path in CURATION.glob("*.py"):
        reason = r'"((?:finish|text|judge)\.[a-z_]+|filter\.contamination\.[a-z]+)"'
        found |= set(re.findall(reason, path.read_text("utf-8")))
    for name in parsers.names:
        source = (CURATION / "parsers" / f"{name}.py").read_text("utf-8")
        reasons = re.findall(r'refused\(\s*"([a-z_]+)"', source)
        found |= {f"parse.{name}.{reason}" for reason in (*reasons, "schema")}
    for name in filters.names:
        source = (CURATION / "filters" / f"{name}.py").read_text("utf-8")
        reasons = re.findall(r'(?:found|flagged)\(\s*(?:"([a-z_]+)"|None)', source)
        found |= {f"filter.{name}.{reason}".rstrip(".") for reason in reasons}
    return found


def test_every_reason_is_listed_and_no_other() -> None:
    elsewhere = ("dedup.", "quota.")  # decided in the corpus, not by curation
    assert {reason for reason in listed() if not reason.startswith(elsewhere)} == given()


def test_every_parameter_of_a_filter_is_listed() -> None:
    page = (ROOT / "docs" / "reasons.md").read_text("utf-8")
    for name in filters.names:
        for parameter in filters[name].__pydantic_fields__:
            assert f"`{parameter}`" in page, (name, parameter)
