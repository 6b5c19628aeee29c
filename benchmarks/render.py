"""Microseconds a prompt: rendered here, in a worker one at a time, and in a worker in batches."""

import asyncio
import time

from app.prompts.folder import bundled_prompts, load
from app.prompts.render import Renderer
from app.prompts.sandbox import RenderPool

ROWS = [{"topic": f"topic {n}", "level": "hard"} for n in range(20_000)]


async def measure() -> None:
    prompt = load(bundled_prompts() / "question-answer")
    assert prompt.few_shot
    source, examples = prompt.template.source, prompt.few_shot.examples[:6]
    renderer = Renderer(prompt.template, examples)
    began = time.perf_counter()
    for row in ROWS:
        renderer.prompt(row)
    report("here", began, len(ROWS))

    pool = RenderPool()
    try:
        began = time.perf_counter()
        await pool.check(source)
        print(f"{'first use of a pool':28} {(time.perf_counter() - began) * 1e3:8.1f} ms")
        await pool.render(source, examples, ROWS[:1])
        began = time.perf_counter()
        for row in ROWS[:500]:
            await pool.render(source, examples, [row])
        report("in a worker, one at a time", began, 500)
        for size in (64, 256):
            began = time.perf_counter()
            for first in range(0, len(ROWS), size):
                await pool.render(source, examples, ROWS[first : first + size])
            report(f"in a worker, {size} at a time", began, len(ROWS))
    finally:
        await pool.close()


def report(what: str, began: float, prompts: int) -> None:
    print(f"{what:28} {(time.perf_counter() - began) / prompts * 1e6:8.1f} µs a prompt")


if __name__ == "__main__":
    asyncio.run(measure())
