"""How a teacher draws its replies, in OpenAI's own names."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

MOST_SAMPLES = 64
"""Completions of one request."""

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
    top_logprobs: int | None = Field(default=None, ge=0, le=100)
    """Keep the log-probability of each token, and so many alternatives: soft targets."""
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

    def on_the_wire(self) -> dict[str, Any]:
        """The fields of a request."""
        body: dict[str, Any] = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            "n": self.n,
            "presence_penalty": self.presence_penalty,
            "frequency_penalty": self.frequency_penalty,
        }
        for name in ("top_k", "min_p", "repetition_penalty"):
            if (value := getattr(self, name)) is not None:
                body[name] = value
        if self.stop:
            body["stop"] = list(self.stop)
        if self.top_logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": self.top_logprobs}
        if self.random_seed is not None:
            body["seed"] = self.random_seed
        return body
