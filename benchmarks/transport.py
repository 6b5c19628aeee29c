"""CPU a request to a teacher costs us: our transport against httpx's own pool, in one run.

    python benchmarks/transport.py http://127.0.0.1:8200 --in-flight 256

Any OpenAI-compatible server will do, if it answers at once: its own CPU is not counted.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx

from app.prompts.prompt import Message
from app.teachers.capabilities import Capabilities
from app.teachers.client import TeacherClient
from app.teachers.sampling import Sampling
from app.teachers.transport import Transport

Ask = Callable[[int], Awaitable[object]]

SHOWN = [("user", "Which word rhymes with rain? " * 8), ("assistant", "A word is train. " * 8)] * 4


def body(number: int) -> dict[str, object]:
    turns = [("system", "You answer with JSON."), *SHOWN, ("user", f"Question {number}")]
    messages = [{"role": role, "content": content} for role, content in turns]
    return {"model": "mock", "messages": messages, "max_tokens": 200}


async def measure(ask: Ask, requests: int, in_flight: int) -> float:
    """Milliseconds of our CPU for each request."""
    numbers = iter(range(requests))

    async def slot() -> None:
        for number in numbers:
            await ask(number)

    await asyncio.gather(*(slot() for _ in range(in_flight)))  # warm: connections are open
    numbers = iter(range(requests))
    began = time.process_time()
    await asyncio.gather(*(slot() for _ in range(in_flight)))
    return (time.process_time() - began) / requests * 1000


def through(client: httpx.AsyncClient, url: httpx.URL) -> Ask:
    async def ask(number: int) -> None:
        response = await client.send(client.build_request("POST", url, json=body(number)))
        response.raise_for_status()

    return ask


def through_teacher_client(client: TeacherClient) -> Ask:
    shared = tuple(
        Message(role, content)  # type: ignore[arg-type]
        for role, content in [("system", "You answer with JSON."), *SHOWN]
    )
    sampling = Sampling(max_tokens=200)

    async def ask(number: int) -> None:
        messages = (*shared, Message("user", f"Question {number}"))
        await client.ask(messages, sampling, request_id=f"bench.{number}")

    return ask


async def run(base: str, requests: int, in_flight: int) -> None:
    url = httpx.URL(f"{base}/v1/chat/completions")
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    results: dict[str, float] = {}
    async with httpx.AsyncClient(transport=Transport(), timeout=60) as client:
        results["httpx over our transport"] = await measure(
            through(client, url), requests, in_flight
        )
    able = Capabilities(extras=True)
    async with TeacherClient([base], "mock", capabilities=able, cap=1_000_000) as teacher:
        results["TeacherClient, connections rest"] = await measure(
            through_teacher_client(teacher), requests, in_flight
        )
    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:
        few = max(in_flight * 2, requests // 20)
        results["httpx over its own pool"] = await measure(through(client, url), few, in_flight)
    worst = results["httpx over its own pool"]
    for name, cost in results.items():
        print(f"{name:34} {cost:7.3f} ms a request, 1/{worst / cost:.1f} of httpx's pool")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url", help="the server's address, without /v1")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--in-flight", type=int, default=256)
    given = parser.parse_args()
    asyncio.run(run(given.url.rstrip("/"), given.requests, given.in_flight))


if __name__ == "__main__":
    main()
