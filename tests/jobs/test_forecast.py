"""What a job will still take."""

import random

import httpx

from app.jobs.forecast import predict
from app.jobs.loaded import Tools
from tests.fake_teacher import FakeTeacher
from tests.jobs.conftest import Drain, spec, work_one


def test_even_chunks_leave_no_doubt() -> None:
    span = predict([10, 10, 10], [500, 500, 500], 100)
    assert (span.expected, span.low, span.high) == (5000, 5000, 5000)


def test_one_chunk_gives_no_spread() -> None:
    span = predict([8], [16], 4)
    assert (span.expected, span.low, span.high) == (8, None, None)


def test_the_interval_holds_what_comes_nine_times_out_of_ten() -> None:
    """Over many jobs whose chunks scatter, from the first six of thirty."""
    chance = random.Random(7)

    def chunk() -> tuple[int, int]:
        accepted = chance.randint(5, 25)
        return accepted, sum(chance.randint(20, 180) for _ in range(accepted))

    held = 0
    for _ in range(400):
        chunks = [chunk() for _ in range(30)]
        seen, coming = chunks[:6], chunks[6:]
        span = predict(
            [made for made, _ in seen], [took for _, took in seen], sum(m for m, _ in coming)
        )
        assert span.low is not None
        assert span.high is not None
        held += span.low <= sum(took for _, took in coming) <= span.high
    assert 0.84 <= held / 400 <= 0.95


async def test_a_job_says_what_it_will_take_once_a_chunk_has_ended(
    ready: httpx.AsyncClient, tools: Tools, drain: Drain, fake: FakeTeacher
) -> None:
    prices = {"prompt_price": 1.0, "completion_price": 4.0, "currency": "EUR"}
    assert (await ready.patch("/v1/teachers/default/fake", json=prices)).is_success
    job_id = (await ready.post("/v1/jobs", json=spec(num_records=32))).json()["id"]
    path = f"/v1/jobs/{job_id}"
    assert (await ready.get(path)).json()["forecast"] is None
    await work_one(tools)
    first = (await ready.get(path)).json()["forecast"]
    assert first["samples"] == {"expected": 24, "low": None, "high": None}
    assert (first["seconds"], first["chunks"], first["reaches_target"]) == (None, 1, True)
    await work_one(tools)
    job = (await ready.get(path)).json()
    forecast, tokens = job["forecast"], job["tokens"]
    assert forecast["samples"] == {"expected": 16, "low": 16, "high": 16}
    assert forecast["prompt_tokens"]["expected"] == tokens["prompt"]
    assert forecast["seconds"]["expected"] > 0
    assert forecast["ends_at"] is not None
    spent = (tokens["prompt"] + 4 * tokens["completion"]) / 1e6
    assert abs(forecast["cost"]["expected"] - spent) < 1e-12
    assert forecast["currency"] == "EUR"
    await drain()
    assert (await ready.get(path)).json()["forecast"] is None
