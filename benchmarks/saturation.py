"""How busy Limbeck keeps a teacher: output tokens a second, against a client that only asks.

    python -m benchmarks.saturation --teacher http://127.0.0.1:8000/v1 --samples 256 --in-flight 32

The raw client keeps as many of the same prompts in flight and does nothing with the replies. Their
lengths are as unequal as the model makes them. Both take turns, raw first and last, and are
compared by what the teacher wrote in all: prompts and sampling are the same. Prints a table;
`--json FILE` writes the figures.
"""

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.service import Service, service

SYSTEM = "You answer with as many sentences as you are told to."
USER = "Write {} sentences about topic number {}."
TEMPLATE = f"""---
description: Texts of unequal lengths.
inputs:
  sentences: {{type: integer}}
  topic: {{type: integer}}
response:
  format: text
  schema:
    type: object
    properties:
      text: {{type: string}}
    required: [text]
---
{{% system %}}{SYSTEM}{{% endsystem %}}
{{% user %}}{USER.format("{{ sentences }}", "{{ topic }}")}{{% enduser %}}
"""
SENTENCES = (1, 2, 4, 12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", required=True, help="address of the teacher, with /v1")
    parser.add_argument("--samples", type=int, default=256, help="at most 1000")
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--max-tokens", type=int, default=200)
    parser.add_argument("--json", type=Path, default=None, help="write the figures here")
    asked = parser.parse_args()
    with service() as running:
        figures = measure(running, asked)
    for name, value in figures.items():
        print(f"{name:<40} {value:>12,.3f}")
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2))


def measure(running: Service, asked: argparse.Namespace) -> dict[str, float]:
    teacher = {"name": "t", "url": asked.teacher, "max_in_flight": asked.in_flight}
    model = running.post("/v1/teachers", teacher)["model"]
    running.post("/v1/templates", {"name": "texts", "source": TEMPLATE})
    running.start("worker")
    running.run(job(asked, asked.in_flight, 0))
    first = asyncio.run(raw(asked, model, 1))
    tokens, seconds = through(running, asked, 2)
    last = asyncio.run(raw(asked, model, 3))
    raw_rate = (first[0] + last[0]) / (first[1] + last[1])
    return {
        "raw, first: tokens/s": first[0] / first[1],
        "Limbeck: tokens/s": tokens / seconds,
        "raw, last: tokens/s": last[0] / last[1],
        "Limbeck / raw": tokens / seconds / raw_rate,
        "Limbeck: seconds": seconds,
        "Limbeck: tokens": float(tokens),
    }


def rows(count: int, round_: int) -> list[dict[str, int]]:
    """Other topics in each round: what the teacher remembers of a prompt helps nobody."""
    kinds = len(SENTENCES)
    return [
        {"sentences": SENTENCES[n % kinds], "topic": 100_000 * round_ + n} for n in range(count)
    ]


def job(asked: argparse.Namespace, samples: int, round_: int) -> dict[str, Any]:
    return {
        "corpus": "bench",
        "teacher": "t",
        "template": "texts",
        "seeds": {"rows": rows(samples, round_)},
        "sampling": {"max_tokens": asked.max_tokens, "temperature": 1.0},
        "num_records": samples,
        "limits": {"max_candidates": samples},
        # All replies are counted, whatever they are worth.
        "accept": {"filters": []},
    }


def through(running: Service, asked: argparse.Namespace, round_: int) -> tuple[int, float]:
    began = time.monotonic()
    done = running.run(job(asked, asked.samples, round_))
    return done["tokens"]["completion"], time.monotonic() - began


async def raw(asked: argparse.Namespace, model: str, round_: int) -> tuple[int, float]:
    pending = iter(rows(asked.samples, round_))
    limits = httpx.Limits(max_connections=asked.in_flight)
    total = 0
    async with httpx.AsyncClient(limits=limits, timeout=600, trust_env=False) as client:

        async def slot() -> None:
            nonlocal total
            for row in pending:
                user = USER.format(row["sentences"], row["topic"])
                body = {
                    "model": model,
                    "messages": [
                        {"role": "system", "content": SYSTEM},
                        {"role": "user", "content": user},
                    ],
                    "max_tokens": asked.max_tokens,
                    "temperature": 1.0,
                }
                answer = await client.post(f"{asked.teacher}/chat/completions", json=body)
                total += answer.raise_for_status().json()["usage"]["completion_tokens"]

        began = time.monotonic()
        await asyncio.gather(*(slot() for _ in range(asked.in_flight)))
        return total, time.monotonic() - began


if __name__ == "__main__":
    main()
