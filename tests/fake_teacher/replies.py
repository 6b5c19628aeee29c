"""The bytes of a reply, in the shapes that vLLM sends."""

import hashlib
import json
import time
from typing import Any

from tests.fake_teacher.behaviour import Behaviour

WORDS = [
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbour",
    "indigo",
    "juniper",
    "kelp",
    "lagoon",
    "meadow",
    "nectar",
    "orchard",
    "pebble",
    "quartz",
    "ripple",
    "saffron",
    "thistle",
    "umber",
    "valley",
    "willow",
    "yarrow",
    "zephyr",
]


def fresh_text(number: int, words: int = 12) -> str:
    """A text of its own for every number: no two alike, exactly or nearly."""
    bits = hashlib.sha256(str(number).encode()).digest()
    picked = [WORDS[bits[i] % len(WORDS)] for i in range(words)]
    return " ".join([*picked, f"number {number}"]).capitalize() + "."


def instance(schema: dict[str, Any], number: int) -> Any:
    """A value that the schema accepts, with fresh texts; enough of JSON Schema for tests."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][number % len(schema["enum"])]
    match schema.get("type"):
        case "object":
            return {
                name: instance(part, number + at * 7919)
                for at, (name, part) in enumerate(schema.get("properties", {}).items())
            }
        case "array":
            count = max(1, schema.get("minItems", 1))
            return [instance(schema.get("items", {}), number * 31 + at) for at in range(count)]
        case "integer" | "number":
            return schema.get("minimum", schema.get("maximum", number))
        case "boolean":
            return number % 2 == 0
        case _:
            text = fresh_text(number, max(12, schema.get("minLength", 0) // 4))
            return text[: schema.get("maxLength", len(text))]


def schema_of(body: dict[str, Any]) -> dict[str, Any] | None:
    asked = body.get("response_format") or {}
    return asked.get("json_schema", {}).get("schema") if isinstance(asked, dict) else None


def completion(
    behaviour: Behaviour, body: dict[str, Any], request_id: str, number: int
) -> dict[str, Any]:
    wanted = body.get("n") or 1
    count = wanted if behaviour.choices is None else behaviour.choices
    choices = [_choice(behaviour, body, at, number * 64 + at) for at in range(count)]
    told = sum(len(str(turn.get("content", "")).split()) for turn in body.get("messages", []))
    made = sum(len(str(one["message"]["content"] or "").split()) for one in choices)
    reply: dict[str, Any] = {
        "id": behaviour.reply_id or f"chatcmpl-{request_id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body.get("model"),
        "choices": choices,
        "system_fingerprint": "fake-1",
        "usage": {
            "prompt_tokens": told,
            "completion_tokens": made,
            "total_tokens": told + made,
            "prompt_tokens_details": {"cached_tokens": told // 2},
        },
        "an_unknown_field": {"to": "be ignored"},
    }
    return reply | dict(behaviour.extra)


def _choice(behaviour: Behaviour, body: dict[str, Any], index: int, number: int) -> dict[str, Any]:
    if behaviour.contents is None:
        schema = schema_of(body)
        made = instance(schema, number) if schema else fresh_text(number)
    else:
        made = behaviour.contents[min(index, len(behaviour.contents) - 1)]
    content = made if made is None or isinstance(made, str) else json.dumps(made)
    logprobs = None
    if body.get("logprobs"):
        logprobs = {"content": [_token(one, body) for one in (content or "").split()]}
    message: dict[str, Any] = {"role": "assistant", "content": content, "tool_calls": []}
    return {
        "index": index,
        "message": message | dict(behaviour.message),
        "finish_reason": behaviour.finish_reason,
        "stop_reason": None,
        "logprobs": logprobs,
    }


def _token(word: str, body: dict[str, Any]) -> dict[str, Any]:
    top = [
        {"token": f"{word}{rank}", "logprob": -0.5 - rank, "bytes": None}
        for rank in range(body.get("top_logprobs") or 0)
    ]
    return {"token": word, "logprob": -0.5, "bytes": list(word.encode()), "top_logprobs": top}
