"""How a teacher draws its replies, in OpenAI's own names."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

MOST_SAMPLES = 64
"""Completions of one request."""

_EXTRAS = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}

Stop = Annotated[str, Field(min_length=1, max_length=200)]


class Sampling(BaseModel, frozen=True, extra="forbid"):
    """Every one of these is sent with every request: what is left to a server may come from the
    model's own `generation_config.json` and change with it.
    """

    temperature: float = Field(default=0.8, ge=0, le=2)
    """0 takes the likeliest token each time."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Draw from the likeliest tokens that together have this probability."""
    top_k: int | None = Field(default=None, ge=1, le=100_000)
    """Draw from so many of the likeliest tokens (a vLLM field)."""
    min_p: float | None = Field(default=None, ge=0, le=1)
    """Leave out tokens below this share of the likeliest one's probability (a vLLM field)."""
    max_tokens: int = Field(default=1024, ge=1, le=1_000_000)
    """The longest reply, in tokens. One that reaches it is cut off, and rejected."""
    n: int = Field(default=1, ge=1, le=MOST_SAMPLES)
    """Completions of each seed row, drawn together: they share the cost of the prompt."""
    stop: tuple[Stop, ...] = Field(default=(), max_length=16)
    """Texts that end a reply; they are not part of it."""
    presence_penalty: float = Field(default=0.0, ge=-2, le=2)
    frequency_penalty: float = Field(default=0.0, ge=-2, le=2)
    repetition_penalty: float | None = Field(default=None, gt=0, le=10)
    """Above 1 discourages repetition (a vLLM field)."""
    logprobs: bool = False
    """Keep the log-probability of each token. `top_logprobs` implies it."""
    top_logprobs: int | None = Field(default=None, ge=0, le=100)
    """Keep so many alternatives of each token as well: soft targets."""
    random_seed: int | None = Field(default=None, ge=0, lt=2**63)
    """The teacher's own random seed. It does not make a job repeatable: replies also depend on
    what else is in the teacher's batch."""

    @model_validator(mode="after")
    def _several_need_chance(self) -> Self:
        if self.n > 1 and self.temperature == 0:
            raise PydanticCustomError(
                "sampling", "several samples at temperature 0 would all be the same", {}
            )
        return self

    @property
    def wants_logprobs(self) -> bool:
        return self.logprobs or self.top_logprobs is not None

    def on_the_wire(self, *, extras: bool = False) -> dict[str, Any]:
        """The fields of a request. A server known to take vLLM's `extras` is told their neutral
        values, too; another one may refuse them, and is told those that are set.
        """
        body: dict[str, Any] = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            "n": self.n,
            "presence_penalty": self.presence_penalty,
            "frequency_penalty": self.frequency_penalty,
        }
        for name, neutral in _EXTRAS.items():
            value = getattr(self, name)
            if value is not None or extras:
                body[name] = neutral if value is None else value
        if self.stop:
            body["stop"] = list(self.stop)
        if self.wants_logprobs:
            body |= {"logprobs": True, "top_logprobs": self.top_logprobs or 0}
        if self.random_seed is not None:
            body["seed"] = self.random_seed
        return body
