"""From the bytes of a chat reply to completions, trusting nothing in them."""

import json
from itertools import pairwise
from typing import Any

import orjson

from app.teachers.completion import Completion
from app.teachers.failures import AttemptFailed
from app.teachers.refusals import shown

_MOST_TOKENS = 2**31 - 1
_LONGEST_LABEL = 200


def decode(body: bytes) -> dict[str, Any]:
    """A reply's JSON object. Raises `AttemptFailed` where there is none, or half of one."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        # orjson refuses lone surrogates and NaN, which may be in one choice of many.
        try:
            value = json.loads(body, parse_constant=lambda _name: None)
        except (ValueError, RecursionError) as error:
            raise AttemptFailed("teacher.bad_reply", "the reply is not JSON") from error
    if not isinstance(value, dict):
        raise AttemptFailed("teacher.bad_reply", "the reply is not a JSON object")
    return value


def oversize(size: int, n: int) -> tuple[Completion, ...]:
    """What is left of a reply that passed the cap."""
    first = Completion(content="", finish_reason="oversize", size=size)
    return (first,) + (Completion(content="", finish_reason="oversize"),) * (n - 1)


def completions(reply: dict[str, Any], n: int, size: int) -> tuple[Completion, ...]:
    """The `n` choices of a reply, by index. Raises `AttemptFailed` where it has not just these.

    Fields we do not know are ignored. A choice without a text, as tool calls and thinking without
    an end leave it, is an empty one: that is for curation to judge.
    """
    choices = _ordered(reply.get("choices"), n)
    usage = _object(reply.get("usage"))
    details = _object(usage.get("prompt_tokens_details"))
    spent = _shares(_count(usage.get("completion_tokens")), choices)
    model, fingerprint = _label(reply.get("model")), _label(reply.get("system_fingerprint"))
    return tuple(
        Completion(
            content=_content(choice),
            finish_reason=_label(choice.get("finish_reason")) or "unknown",
            reasoning=_reasoning(choice),
            prompt_tokens=0 if place else _count(usage.get("prompt_tokens")),
            completion_tokens=spent[place],
            cached_tokens=0 if place else _count(details.get("cached_tokens")),
            fingerprint=fingerprint,
            model=model,
            logprobs=_logprobs(choice),
            size=0 if place else size,
        )
        for place, choice in enumerate(choices)
    )


def _ordered(choices: Any, n: int) -> list[dict[str, Any]]:
    if not isinstance(choices, list) or len(choices) != n:
        seen = len(choices) if isinstance(choices, list) else "no"
        raise AttemptFailed("teacher.bad_reply", f"{seen} choices came back instead of {n}")
    by_index: dict[int, dict[str, Any]] = {}
    for place, choice in enumerate(choices):
        if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
            raise AttemptFailed("teacher.bad_reply", "a choice has no message")
        index = choice.get("index", place)
        if type(index) is not int or not 0 <= index < n or index in by_index:
            raise AttemptFailed("teacher.bad_reply", "the choices are not numbered from 0")
        by_index[index] = choice
    return [by_index[index] for index in range(n)]


def _content(choice: dict[str, Any]) -> str:
    content = choice["message"].get("content")
    if content is None:
        return ""
    if not isinstance(content, str):
        raise AttemptFailed("teacher.bad_reply", "a choice's content is not a text")
    return content


def _reasoning(choice: dict[str, Any]) -> str | None:
    """Older servers name it otherwise."""
    for name in ("reasoning", "reasoning_content"):
        text = choice["message"].get(name)
        if isinstance(text, str) and text:
            return text
    return None


def _logprobs(choice: dict[str, Any]) -> list[dict[str, Any]] | None:
    content = _object(choice.get("logprobs")).get("content")
    if not isinstance(content, list):
        return None
    return [entry for entry in content if isinstance(entry, dict)]


def _shares(total: int, choices: list[dict[str, Any]]) -> list[int]:
    """The tokens of each choice: usage is their sum. Exact where they are listed, else by the
    length of the texts; the sum is always the sum.
    """
    if len(choices) == 1:
        return [total]
    listed = [choice.get("token_ids") or _logprobs(choice) for choice in choices]
    counts = [len(tokens) if isinstance(tokens, list) else 0 for tokens in listed]
    if sum(counts) == total:
        return counts
    weights = [len(_content(choice)) + 1 for choice in choices]
    ends, seen = [0], 0
    for weight in weights:
        seen += weight
        ends.append(total * seen // sum(weights))
    return [after - before for before, after in pairwise(ends)]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else 0


def _label(value: Any) -> str | None:
    """A server's word, made fit for a column."""
    if not isinstance(value, str):
        return None
    if len(value) <= _LONGEST_LABEL and value.isascii() and value.isprintable():
        return value or None
    return shown(value)[:_LONGEST_LABEL] or None
