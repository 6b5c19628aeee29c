"""Who and what made the rows of a version, as its manifest has it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from app.teachers.schemas import Training


class TemplateEntry(BaseModel, frozen=True):
    name: str = Field(examples=["faq/question-answer@4"])
    digest: str | None
    description: str
    source: str | None
    """The prompt itself, as it was pushed."""
    rows: int


class FewShotEntry(BaseModel, frozen=True):
    name: str = Field(examples=["faq/core@2"])
    digest: str | None
    examples: int | None
    """How many the set has."""
    rows: int


class TeacherEntry(BaseModel, frozen=True):
    name: str = Field(examples=["default/qwen-72b"])
    model: str | None
    """The name it is asked by; null for a teacher that is not registered."""
    revision: str | None
    """What its server said that name stands for."""
    licence: str | None
    training: Training
    """Whether its owner lets others train on what it says."""
    terms: str | None
    terms_url: str | None
    rows: int


class Asked(BaseModel, frozen=True):
    """How one job, or one of its arms, went about it."""

    job: str
    arm: int | None = None
    """Which of several; null for a job that has one."""
    kind: str = Field(examples=["generate"])
    sampling: Mapping[str, Any] | None
    random_seed: int | None
    few_shot_shown: int | None
    """How many examples a prompt showed."""
    file: dict[str, Any] | None
    """Of an import: the file's name, digest and rows."""


class Override(BaseModel, frozen=True):
    """Why rows of a teacher are published whose owner forbids training on them."""

    reason: str
    by: str
    """Who said so."""
    teachers: list[str]


class Provenance(BaseModel, frozen=True):
    templates: list[TemplateEntry]
    few_shot_sets: list[FewShotEntry]
    teachers: list[TeacherEntry]
    jobs: list[Asked]
    imported: int
    """Rows that no teacher of ours made: somebody brought them in a file."""
