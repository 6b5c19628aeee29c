"""The house itself: imports go one way, and what exists is assembled."""

from importlib import import_module
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from importlinter.cli import lint_imports
from starlette.routing import Mount

from app import main, tables
from app.cli import app as shell
from app.db import metadata
from app.settings import Settings

ROOT = Path(__file__).parent.parent
APP = ROOT / "app"
MOUNTED = {"hub": "/hf"}
"""Packages with an application of their own, for a protocol that is not ours to describe."""


def packages_with(file: str) -> set[str]:
    return {path.parent.name for path in APP.glob(f"*/{file}")}


def test_imports_go_upstream(capsys: pytest.CaptureFixture[str]) -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml")) == 0, capsys.readouterr().out


def test_every_route_is_served() -> None:
    app = main.create_app(Settings(database_url="postgresql://nowhere/none", _env_file=None))
    served = app.openapi()["paths"]
    assert set(MOUNTED.values()) <= {each.path for each in app.routes if isinstance(each, Mount)}
    for package in sorted(packages_with("router.py") - MOUNTED.keys()):
        module = import_module(f"app.{package}.router")
        for router in [value for value in vars(module).values() if isinstance(value, APIRouter)]:
            for route in [r for r in router.routes if isinstance(r, APIRoute)]:
                assert route.path_format in served, f"{package}: {route.path}"


def test_every_package_with_commands_is_in_the_shell() -> None:
    groups = [group.typer_instance for group in shell.registered_groups]
    groups += [
        inner.typer_instance for group in groups if group for inner in group.registered_groups
    ]
    for package in sorted(packages_with("commands.py")):
        assert import_module(f"app.{package}.commands").commands in groups, package


def test_every_table_is_known_to_the_migrations() -> None:
    assert packages_with("models.py") <= set(tables.PACKAGES)
    assert metadata.tables
