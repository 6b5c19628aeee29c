"""What is built holds all that it needs at run time, and nothing that only a checkout has."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from app import migrate

ROOT = Path(__file__).parent.parent
TAKEN = ("app", "migrations", "prompts", "pyproject.toml", "README.md")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZipFile]:
    built = tmp_path_factory.mktemp("wheel")
    made = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", built, ROOT),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    [file] = built.glob("limbeck-*.whl")
    with ZipFile(file) as opened:
        yield opened


def files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def inside(wheel: ZipFile, folder: str) -> set[str]:
    return {n.removeprefix(folder) for n in wheel.namelist() if n.startswith(folder)}


def test_every_file_of_the_package_is_in_the_wheel(wheel: ZipFile) -> None:
    packed = inside(wheel, "app/")
    assert files(ROOT / "app") <= packed


def test_migrations_and_prompts_come_along(wheel: ZipFile) -> None:
    assert inside(wheel, "app/_migrations/") == files(migrate.scripts())
    assert inside(wheel, "app/_prompts/") == files(ROOT / "prompts")
    assert files(ROOT / "prompts")


def test_nothing_else_is_in_the_wheel(wheel: ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"app"}
    assert not any(name.endswith(".pyc") for name in wheel.namelist())


def test_the_wheel_declares_the_command(wheel: ZipFile) -> None:
    [entry] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "limbeck = app.cli:main" in wheel.read(entry).decode()


def test_the_image_is_given_what_the_wheel_is_made_of() -> None:
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    }
    copied = {
        part.rstrip("/")
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for part in line.split()[1:-1]
    }
    assert copied == allowed == {*TAKEN, "requirements.lock"}


def test_no_lock_names_a_registry() -> None:
    for lock in [*ROOT.glob("requirements*.lock"), *(ROOT / "app").rglob("*.lock")]:
        for line in lock.read_text().splitlines():
            assert "://" not in line, f"{lock.name}: {line}"
            assert not line.startswith("-"), f"{lock.name}: {line}"


def test_both_locks_hold_the_same_versions_with_hashes() -> None:
    runtime, development = (
        _pins(ROOT / name) for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert runtime.items() <= development.items()
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert len(runtime) > len(declared)


def _pins(lock: Path) -> dict[str, str]:
    """Each requirement line and how many hashes follow it."""
    pins: dict[str, int] = {}
    current = ""
    for line in lock.read_text().splitlines():
        if line.startswith("    --hash=sha256:"):
            pins[current] += 1
        elif line and not line.lstrip().startswith("#"):
            current = line
            pins[current] = 0
    assert all(pins.values()), f"a requirement of {lock.name} has no hash"
    return {pin.split("==")[0] + pin.partition(";")[2]: pin for pin in pins}
