"""How busy Limbeck keeps a teacher: output tokens a second, against a client that only asks.

    python -m benchmarks.saturation --teacher http://127.0.0.1:8000/v1 --samples 256 --in-flight 32

The raw client keeps as many of the same prompts in flight as it is told, over a connection each
that costs next to nothing, and does nothing with the replies. Limbeck is told no number: it finds
one in its first turn, which counts apart, up to `--max-in-flight`. Replies are as unequal as the
model makes them. Both take turns, raw first and last, with the same prompts and sampling; each turn
of Limbeck is compared with the two beside it. How far those two are from each other says how much
of the ratio is the machine's mood. Prints each turn and a table; `--json FILE` writes the figures.

A teacher that serves so many at a time and lets the rest wait, with replies that take unequally
long, need be no engine: any server will do that counts the tokens of its replies. It shows whether
the number is found: a little more than it serves.
"""

import argparse
import asyncio
import json
import time
from datetime import datetime
from itertools import cycle, islice, pairwise
from pathlib import Path
from statistics import fmean

import httpx
import orjson
import uvloop

from app.teachers.transport import Transport, framed, head_of, origin_of
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
    parser.add_argument("--samples", type=int, default=256, help="of each measured job")
    parser.add_argument("--in-flight", type=int, default=32, help="of the raw client")
    parser.add_argument("--max-in-flight", type=int, default=512, help="what Limbeck may try")
    parser.add_argument("--max-tokens", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=1, help="of Limbeck, after its first")
    parser.add_argument("--json", type=Path, default=None, help="write the figures here")
    asked = parser.parse_args()
    with service() as running:
        figures = measure(running, asked)
    for name, value in figures.items():
        print(f"{name:<40} {value:>12,.3f}")
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2))


def measure(running: Service, asked: argparse.Namespace) -> dict[str, float]:
    teacher = {"name": "t", "url": asked.teacher, "max_in_flight": asked.max_in_flight}
    model = running.post("/v1/teachers", teacher)["model"]
    running.post("/v1/templates", {"name": "texts", "source": TEMPLATE})
    running.start("worker")
    rates: list[float] = []
    limit = 0

    def turn(who: str) -> None:
        nonlocal limit
        if who == "raw":
            tokens, seconds = uvloop.run(raw(asked, model, len(rates)))
        else:
            tokens, seconds, limit = through(running, asked, len(rates))
        rates.append(tokens / seconds)
        shown = f"{tokens:>8} tokens {seconds:>8.1f} s {rates[-1]:>8.1f} tokens/s"
        print(f"{who:<8}{shown}", flush=True)

    turn("raw")
    for _ in range(asked.rounds + 1):
        turn("Limbeck")
        turn("raw")
    of_raw, ours = rates[::2], rates[1::2]
    beside = list(pairwise(of_raw))
    first, *ratios = (rate / fmean(pair) for rate, pair in zip(ours, beside, strict=True))
    return {
        "raw: tokens/s": fmean(of_raw),
        "Limbeck / raw": fmean(ratios),
        "Limbeck / raw, lowest": min(ratios),
        "Limbeck / raw, highest": max(ratios),
        "Limbeck / raw, while it finds its limit": first,
        "raw / the raw beside it, at most": max(max(pair) / min(pair) for pair in beside),
        "raw: requests in flight": float(asked.in_flight),
        "Limbeck: limit found": float(limit),
    }


def rows(count: int, round_: int) -> list[dict[str, int]]:
    """Other topics in each round: what the teacher remembers of a prompt helps nobody. A job that
    has more samples asks them again.
    """
    kinds, most = len(SENTENCES), min(count, 1000)
    return [{"sentences": SENTENCES[n % kinds], "topic": 100_000 * round_ + n} for n in range(most)]


def through(running: Service, asked: argparse.Namespace, round_: int) -> tuple[int, float, int]:
    """Tokens, seconds from submission to end by the job's own clock, and the limit that was in
    force last.
    """
    body = {
        "corpus": "bench",
        "teacher": "t",
        "template": "texts",
        "seeds": {"rows": rows(asked.samples, round_)},
        "sampling": {"max_tokens": asked.max_tokens, "temperature": 1.0},
        "num_records": asked.samples,
        "limits": {"max_candidates": asked.samples},
        # All replies are counted, whatever they are worth.
        "accept": {"filters": []},
        "smoke": False,
    }
    limits: list[int] = []
    # Answers for somebody who looks take time from a teacher on the same cores.
    done = running.run(body, seen=lambda job: limits.append(job["limit"] or 0), look_every=2.0)
    began, ended = (datetime.fromisoformat(done[key]) for key in ("created_at", "ended_at"))
    seconds = (ended - began).total_seconds()
    return done["tokens"]["completion"], seconds, max(limits[-5:], default=0)


async def raw(asked: argparse.Namespace, model: str, round_: int) -> tuple[int, float]:
    pending = islice(cycle(rows(asked.samples, round_)), asked.samples)
    headers = {"Content-Type": "application/json"}
    request = httpx.Request("POST", f"{asked.teacher}/chat/completions", headers=headers)
    origin, head = origin_of(request.url), head_of(request)
    transport, total = Transport(), 0

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
            reply = await transport.exchange(origin, framed(head, orjson.dumps(body)))
            if reply.status != httpx.codes.OK:
                raise SystemExit(reply.body.decode("utf-8", "replace"))
            total += orjson.loads(reply.body)["usage"]["completion_tokens"]

    began = time.monotonic()
    await asyncio.gather(*(slot() for _ in range(asked.in_flight)))
    seconds = time.monotonic() - began
    await transport.aclose()
    return total, seconds


if __name__ == "__main__":
    main()
