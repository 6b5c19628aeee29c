"""Things that a document names."""

from collections.abc import Awaitable
from typing import TypeVar

from app.errors import FieldError, Invalid, NotFound

T = TypeVar("T")


async def named(field: str, value: object, looking: Awaitable[T]) -> T:
    """A thing the document names; that there is none is the document's fault."""
    try:
        return await looking
    except NotFound as missing:
        raise Invalid(
            missing.code,
            f"{field}: {missing.detail}",
            hint=missing.hint,
            errors=[FieldError(field, missing.detail, str(value))],
        ) from missing
