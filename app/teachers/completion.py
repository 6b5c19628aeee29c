"""What a teacher answered: one choice, exactly as it came."""

from typing import Any, NamedTuple


class Completion(NamedTuple):
    """One choice of one reply.

    `content` is untouched teacher output: it may hold NUL, lone surrogates, or nothing.
    """

    content: str
    finish_reason: str
    """`stop`, `length`, `tool_calls`, …; `oversize` where we stopped reading at the byte cap."""
    reasoning: str | None = None
    prompt_tokens: int = 0
    """Charged to the first choice of a reply only, so that sums over samples are true."""
    completion_tokens: int = 0
    cached_tokens: int = 0
    fingerprint: str | None = None
    """The engine's `system_fingerprint`: a change means another configuration."""
    model: str | None = None
    logprobs: list[dict[str, Any]] | None = None
    """`logprobs.content` as the teacher sent it, where it was asked for."""
    size: int = 0
    """Bytes of the whole reply on the wire, or read until the cap."""
