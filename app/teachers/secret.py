"""A teacher's key, named but never held: `env:NAME` or `file:PATH`, read when it is used."""

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from app import logs
from app.teachers.failures import TeacherMisconfigured

_LONGEST = 4096
_REF = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:/[^\0]{1,1000}")


def _checked(ref: str) -> str:
    if _REF.fullmatch(ref) is None:
        raise ValueError(
            "should be env:NAME or file:/PATH, where the key is found; never the key itself"
        )
    return ref


KeyRef = Annotated[
    str, AfterValidator(_checked), Field(max_length=1100, examples=["env:TEACHER_API_KEY"])
]
"""Where a key is found. The key itself is never stored, shown or logged."""


def resolve(ref: str) -> str:
    """The key behind a reference. Raises `TeacherMisconfigured`, which never repeats the key."""
    kind, _, place = ref.partition(":")
    value = os.environ.get(place, "") if kind == "env" else _read(Path(place), ref)
    value = value.strip()
    if not value:
        raise TeacherMisconfigured("teacher.no_key", f"there is no key at {ref}")
    if len(value) > _LONGEST or not value.isascii() or not value.isprintable() or " " in value:
        raise TeacherMisconfigured(
            "teacher.bad_key", f"what is at {ref} is not a key: one line of printable ASCII"
        )
    logs.hide(value)
    return value


def _read(path: Path, ref: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST + 2).decode("ascii", "replace")
    except OSError as error:
        raise TeacherMisconfigured(
            "teacher.no_key", f"{ref} cannot be read: {error.strerror or error}"
        ) from error
