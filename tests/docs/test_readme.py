"""The front door names only what is there."""

import re

from app.main import create_app
from app.settings import Settings
from scripts.write_docs import command_words
from tests.docs.pages import ROOT, pages

COMMAND = re.compile(r"\blimbeck ((?:[a-z]+)(?: [a-z]+)?)")
TARGET = re.compile(r"\bmake ([a-z]+)\b")
ROUTE = re.compile(r"(?:GET|POST|PATCH|DELETE)? ?(?<![\w.])(/v1/[\w{}/.@-]+)")


def test_every_command_that_a_page_names_exists() -> None:
    known = command_words()
    for page in pages():
        for words in COMMAND.findall("\n".join(_code(page.read_text()))):
            assert words in known or words.split()[0] in known, f"{page.name}: limbeck {words}"


def test_every_target_that_a_page_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    targets |= set(
        re.findall(r"^GATES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()
    )
    for page in pages():
        for target in TARGET.findall("\n".join(_code(page.read_text()))):
            assert target in targets, f"{page.name}: make {target}"


def test_every_route_that_a_page_names_is_served() -> None:
    app = create_app(Settings(database_url="postgresql://nowhere/none", _env_file=None))
    served = [
        re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
        for path in app.openapi()["paths"]
    ]
    for page in pages():
        for route in ROUTE.findall("\n".join(_code(page.read_text()))):
            path = route.rstrip("/.")
            assert any(known.fullmatch(path) for known in served), f"{page.name}: {path}"


def test_the_front_door_begins_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    first = text[text.index("```sh") : text.index("```", text.index("```sh") + 5)]
    assert [line.split("#")[0].strip() for line in first.splitlines()[1:]] == [
        "make demo",
        "make test",
    ]


def test_every_gate_is_run_by_name() -> None:
    run = (ROOT / ".ci/run").read_text()
    gates = re.findall(r"^gate (\w+) make (\w+)$", run, re.MULTILINE)
    names = {name for name, _ in gates}
    assert names == {
        *("environment", "lock", "format", "lint", "types", "imports", "migrations", "prompts"),
        *("docs", "tests"),
    }
    targets = set(re.findall(r"^GATES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets.pop().split() == [n for n, _ in gates if n not in {"environment", "tests"}]


def _code(text: str) -> list[str]:
    """What a page shows as code: fenced, indented, or between backticks."""
    fenced = re.findall(r"^```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    indented = re.findall(r"^    (.*)$", text, re.MULTILINE)
    return [*fenced, *indented, *re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)]
