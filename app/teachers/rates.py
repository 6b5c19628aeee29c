"""What a teacher costs: by the token, by the GPU hour, or both."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rates:
    prompt_price: float | None
    """Of a million prompt tokens."""
    completion_price: float | None
    """Of a million completion tokens."""
    currency: str | None
    gpus: float | None
    """How many GPUs serve it; unknown where nobody said so."""
    gpu_hour_price: float | None
    """Of an hour of one of them."""

    @property
    def by_token(self) -> bool:
        return self.prompt_price is not None or self.completion_price is not None

    @property
    def by_hour(self) -> bool:
        return self.gpus is not None and self.gpu_hour_price is not None

    @property
    def priced(self) -> bool:
        return self.by_token or self.by_hour

    def gpu_hours(self, seconds: float) -> float | None:
        """Of so many seconds of the whole teacher."""
        return None if self.gpus is None else self.gpus * seconds / 3600

    def cost(self, prompt_tokens: float, completion_tokens: float, seconds: float) -> float | None:
        """Of so many tokens, and so many seconds of the whole teacher."""
        if not self.priced:
            return None
        tokens = prompt_tokens * (self.prompt_price or 0) + completion_tokens * (
            self.completion_price or 0
        )
        hours = (self.gpu_hours(seconds) or 0) * (self.gpu_hour_price or 0)
        return tokens / 1e6 + hours
