"""Keys are named, read late, and never repeated."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from app.teachers import secret
from app.teachers.failures import TeacherMisconfigured

REF = TypeAdapter(secret.KeyRef)


def test_a_key_is_read_when_it_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("A_KEY", "one")
    assert secret.resolve("env:A_KEY") == "one"
    monkeypatch.setenv("A_KEY", "two")
    assert secret.resolve("env:A_KEY") == "two"
    path = tmp_path / "key"
    path.write_text("three\n")
    assert secret.resolve(f"file:{path}") == "three"


@pytest.mark.parametrize("ref", ["sk-plain", "env:", "env:A B", "file:relative", "http://x", ""])
def test_only_references_are_taken(ref: str) -> None:
    with pytest.raises(ValidationError):
        REF.validate_python(ref)


@pytest.mark.parametrize("text", ["", "  \n", "two\nlines", "with space", "n\u00f6", "x" * 5000])
def test_what_is_not_one_line_is_no_key_and_is_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(TeacherMisconfigured) as seen:
        secret.resolve(f"file:{path}")
    assert text.strip() == "" or text not in str(seen.value)


@pytest.mark.parametrize("ref", ["env:NO_SUCH_VARIABLE_HERE", "file:/no/such/file", "file:/"])
def test_a_key_that_is_not_there_says_where_it_was_looked_for(ref: str) -> None:
    with pytest.raises(TeacherMisconfigured, match=ref):
        secret.resolve(ref)
