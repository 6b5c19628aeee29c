"""The load of an engine, read from the text of its `/metrics`."""

import re
from dataclasses import dataclass
from typing import Any

_LINE = re.compile(r"^(vllm:[a-z_]+)(?:\{[^\n]*\})? ([0-9.eE+-]+|NaN)", re.MULTILINE)
_AVERAGED = "vllm:kv_cache_usage_perc"

_NAMES = {
    "vllm:num_requests_running": "running",
    "vllm:num_requests_waiting": "waiting",
    "vllm:kv_cache_usage_perc": "kv_cache",
    "vllm:num_preemptions_total": "preemptions",
    "vllm:prompt_tokens_total": "prompt_tokens",
    "vllm:generation_tokens_total": "completion_tokens",
    "vllm:prefix_cache_queries_total": "prefix_queries",
    "vllm:prefix_cache_hits_total": "prefix_hits",
}


@dataclass(frozen=True, slots=True)
class Gauges:
    """Summed over the engines behind one address; the cache's use is their mean."""

    running: int
    waiting: int
    kv_cache: float
    """Share of the key-value cache in use, 0 to 1."""
    preemptions: int
    prompt_tokens: int
    completion_tokens: int
    prefix_queries: int
    """Prompt tokens looked up in the prefix cache."""
    prefix_hits: int
    """Prompt tokens found there."""


def read(text: str) -> Gauges | None:
    """None where this is not an engine's page, as behind a router."""
    sums: dict[str, float] = {}
    engines = 0
    for found in _LINE.finditer(text):
        name, value = found[1], _number(found[2])
        if name in _NAMES:
            sums[name] = sums.get(name, 0.0) + value
            engines += name == _AVERAGED
    if "vllm:num_requests_running" not in sums:
        return None
    sums[_AVERAGED] = sums.get(_AVERAGED, 0.0) / max(engines, 1)
    values: dict[str, Any] = {
        ours: sums.get(theirs, 0.0) if theirs == _AVERAGED else int(sums.get(theirs, 0.0))
        for theirs, ours in _NAMES.items()
    }
    return Gauges(**values)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if abs(value) < 2**62 else 0.0
