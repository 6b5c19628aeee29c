"""What a teacher can do, as far as probing could tell."""

from typing import Literal

from pydantic import BaseModel, Field


class Capabilities(BaseModel, frozen=True, extra="ignore"):
    """Found by tiny requests, since servers ignore fields they do not know and answer 200."""

    probe: int = 0
    """Which revision of the questions was asked."""

    served_model: str | None = None
    """The model's name as the server lists it."""

    revision: str | None = None
    """What the served name stands for: the server's `root`, a path or a repository."""

    fingerprint: str | None = None
    """The engine's configuration; a change means another one answers."""

    version: str | None = None
    """Of the server."""

    context_length: int | None = None
    """Tokens of prompt and reply together."""

    json_schema: bool = False
    """Replies can be held to a JSON Schema."""

    choice: bool = False
    """Replies can be held to one of a list of texts (vLLM's `structured_outputs`)."""

    logprobs: bool = False
    """Gives the log-probability of each token."""

    max_logprobs: int | None = None
    """The most alternatives per token that were seen to work."""

    token_ids: bool = False
    """Gives the ids of a reply's tokens."""

    n: bool = False
    """Gives several samples to one request."""

    score: bool = False
    """Gives the log-probabilities of a given text's tokens."""

    chat: bool = True
    """Completes chats. A teacher that only embeds texts does not, and gets no jobs."""

    embeddings: bool = False
    """Turns texts into vectors."""

    reasoning_field: Literal["reasoning", "reasoning_content"] | None = None
    """Where a reply carries the model's thinking."""

    extras: bool = False
    """Takes the sampling fields beyond OpenAI's: `top_k`, `min_p`, `repetition_penalty`."""

    priority: bool = False
    """Takes `priority` with a request, the lower the sooner. It heeds it only where it was started
    with `--scheduling-policy priority`, which cannot be seen; elsewhere it does no harm."""

    random_seed: bool = False
    """Takes a random seed. Never probed, since it can kill a CPU engine: said at registration."""

    model_check: bool = False
    """Refuses a model name it does not serve."""

    request_id_echo: bool = False
    """Replies carry the id of their request, which proves whose they are."""

    gauges: bool = False
    """Shows its load at `/metrics`, under vLLM's names."""

    notes: tuple[str, ...] = Field(default=(), examples=[["score: status 404"]])
    """What was not found, and what was seen instead."""
