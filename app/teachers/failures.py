"""What can go wrong between a prompt and its completion, and whose fault it is.

TeacherFailure
├── TeacherDown           nobody is there, or the engine died: wait, the item is not to blame
├── TeacherBusy           429, or 503 with a full queue: ask again later; no attempt used
├── TeacherMisconfigured  it does not know us, or not this model: a person must look
├── RequestRefused        it will never answer this request: the item fails at once
└── AttemptFailed         no usable reply came back this time: one attempt of the item is used

A reply longer than the cap is none of these: it is a `Completion` that says `oversize`.
"""

from typing import ClassVar


class TeacherFailure(Exception):
    transient: ClassVar[bool]
    """Whether the same request may succeed later."""
    uses_attempt: ClassVar[bool]
    """Whether it counts against the item."""

    def __init__(
        self, reason: str, message: str, *, retry_after: float | None = None, suspect: bool = False
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        """Stable, for programs: `teacher.refused`, `teacher.error_500`, …"""
        self.message = message
        """For a person: one line, shortened, without secrets."""
        self.retry_after = retry_after
        """Seconds the teacher asked us to wait."""
        self.suspect = suspect
        """True where the engine died while it had this request: it may be what kills engines."""


class TeacherDown(TeacherFailure):
    transient = True
    uses_attempt = False


class TeacherBusy(TeacherFailure):
    transient = True
    uses_attempt = False


class TeacherMisconfigured(TeacherFailure):
    transient = False
    uses_attempt = False


class RequestRefused(TeacherFailure):
    transient = False
    uses_attempt = True


class AttemptFailed(TeacherFailure):
    transient = True
    uses_attempt = True
