"""Every table, for migrations."""

from importlib import import_module
from importlib.util import find_spec

from app.db import metadata

PACKAGES = (
    "web",
    "auth",
    "prompts",
    "teachers",
    "evaluations",
    "corpus",
    "semantic",
    "datasets",
    "seeds",
    "webhooks",
    "jobs",
    "schedules",
)

for package in PACKAGES:
    if find_spec(f"app.{package}.models"):
        import_module(f"app.{package}.models")

__all__ = ["metadata"]
