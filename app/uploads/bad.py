"""How an upload is refused: at which line, what is wrong there, and what was seen."""

from typing import Any

from app.curation.text import for_display
from app.errors import FieldError, Invalid


def bad(where: str, problem: str, value: Any = None, *, hint: str | None = None) -> Invalid:
    seen = for_display(value, 80) if isinstance(value, str) else value
    error = FieldError(where, problem, seen)
    return Invalid("upload.row", f"{where}: {problem}", hint=hint, errors=[error])
