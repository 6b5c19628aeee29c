"""What can be wrong with a request.

AppError
├── Unauthorized      401  who is calling is not known
├── Forbidden         403  known, but not allowed
├── NotFound          404  no such thing, or not yours
├── Conflict          409  true of the request, not of the present state
├── Gone              410  it was there, and was taken back for a reason
├── TooLarge          413  more bytes than this route takes
├── Unsupported       415  a format that is not read here
├── Invalid           422  the request itself is wrong; names each field
└── Unavailable       503  a part we need is away; says when to come back

Each becomes problem+json (RFC 9457) in `web/problems.py`. What fails in an attempt to ask a
teacher is a `TeacherFailure` (`teachers/failures.py`); what is wrong with a sample is a `Verdict`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that is wrong: where, what was seen there, and what would be right."""

    field: str
    """A JSON pointer into the body (`/sampling/n`), or `query.limit`, `path.name`, `header.…`."""
    problem: str
    """What would be right, in the caller's terms."""
    value: Any = None
    """What was seen, shortened; never a secret."""


class AppError(Exception):
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        hint: str | None = None,
        errors: Sequence[FieldError] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.hint = hint
        self.errors = tuple(errors)
        self.retry_after = retry_after


class Unauthorized(AppError):
    status = 401
    title = "Who is calling?"


class Forbidden(AppError):
    status = 403
    title = "Not allowed"


class NotFound(AppError):
    status = 404
    title = "Not found"


class Conflict(AppError):
    status = 409
    title = "Conflict with the present state"


class Gone(AppError):
    status = 410
    title = "Withdrawn"


class TooLarge(AppError):
    status = 413
    title = "Too large"


class Unsupported(AppError):
    status = 415
    title = "Unsupported format"


class Invalid(AppError):
    status = 422
    title = "The request is not valid"

    @classmethod
    def at(
        cls, field: str, problem: str, value: Any = None, *, hint: str | None = None
    ) -> "Invalid":
        """The common case: one field is wrong."""
        return cls(
            "request.invalid",
            f"{field}: {problem}",
            hint=hint,
            errors=(FieldError(field, problem, value),),
        )


class Unavailable(AppError):
    status = 503
    title = "Not available at the moment"
