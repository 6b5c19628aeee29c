"""How a fake teacher answers probes, by what it is able to do."""

import hashlib
from typing import Any

from tests.fake_teacher.behaviour import Behaviour, error_body
from tests.fake_teacher.replies import completion, schema_of

ALL = frozenset(
    {
        "choice",
        "echo",
        "embeddings",
        "extras",
        "gauges",
        "json_schema",
        "logprobs",
        "model_check",
        "n",
        "priority",
        "score",
        "token_ids",
    }
)
TOP_LOGPROBS = 20
ONLY_EMBEDS = frozenset({"embeddings", "no_chat"})
DIMENSIONS = 64


def probe_reply(
    abilities: frozenset[str], model: str, body: dict[str, Any], request_id: str
) -> Behaviour:
    """Fields that it does not know are ignored with 200, as real servers do."""
    if body.get("model") != model and "model_check" in abilities:
        message = f"The model `{body.get('model')}` does not exist."
        return Behaviour(status=404, body=error_body(404, message, "model"))
    asked = body.get("top_logprobs") or 0
    if "logprobs" in abilities and asked > TOP_LOGPROBS:
        message = f"Requested {asked} top logprobs, which is greater than max allowed: 20"
        return Behaviour(status=400, body=error_body(400, message, "top_logprobs"))
    if "top_k" in body and "extras" not in abilities:
        return Behaviour(status=400, body=error_body(400, "Unrecognized argument: top_k", "top_k"))
    if body.get("priority") and "priority" not in abilities:
        message = "Got priority 1 but Priority scheduling is not enabled."
        return Behaviour(status=400, body=error_body(400, message, "priority"))
    content: Any = "Good day."
    schema = schema_of(body)
    if schema is not None and "json_schema" in abilities:
        content = None
    choices = (body.get("structured_outputs") or {}).get("choice")
    if choices and "choice" in abilities:
        content = choices[0]
    extra: dict[str, Any] = {} if "echo" in abilities else {"id": "reply-1"}
    plain = {k: v for k, v in body.items() if k != "logprobs" or "logprobs" in abilities}
    count = 1 if "n" not in abilities else None
    made = completion(
        Behaviour(contents=None if content is None else (content,), choices=count),
        plain,
        request_id,
        number=1,
    )
    if body.get("return_token_ids") and "token_ids" in abilities:
        for choice in made["choices"]:
            choice["token_ids"] = [1, 2, 3]
    return Behaviour(extra=made | extra, contents=("",))


def scored(body: dict[str, Any]) -> dict[str, Any]:
    """`/v1/completions` with `prompt_logprobs`: one entry a token, the first of them null."""
    ids = body.get("prompt") or []
    entry = {"logprob": -1.0, "rank": 1, "decoded_token": "a"}
    logprobs = [None, *({str(token): entry} for token in ids[1:])]
    choice = {"index": 0, "text": "a", "finish_reason": "length", "prompt_logprobs": logprobs}
    return {"id": "cmpl-1", "object": "text_completion", "choices": [choice]}


def embedded(body: dict[str, Any]) -> dict[str, Any]:
    """Texts of the same words have the same vector; of other words, another one."""
    given = body.get("input")
    texts = given if isinstance(given, list) else [given]
    rows = [{"index": at, "embedding": vector(str(text))} for at, text in enumerate(texts)]
    return {"object": "list", "data": rows[::-1], "model": body.get("model")}


def vector(text: str) -> list[float]:
    made = [0.0] * DIMENSIONS
    for word in text.lower().split():
        for at, byte in enumerate(hashlib.blake2b(word.encode(), digest_size=DIMENSIONS).digest()):
            made[at] += byte - 127.5
    return made
