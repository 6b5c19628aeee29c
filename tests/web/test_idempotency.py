"""A POST with an Idempotency-Key happens once."""

import asyncio

import httpx

PATH = "/v1/corpora"


async def test_a_repeated_request_gets_the_first_answer(api: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "k1"}
    first = await api.post(PATH, json={"name": "a"}, headers=headers)
    again = await api.post(PATH, json={"name": "a"}, headers=headers)
    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers


async def test_another_body_under_the_same_key_is_refused(api: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "k1"}
    await api.post(PATH, json={"name": "a"}, headers=headers)
    other = await api.post(PATH, json={"name": "b"}, headers=headers)
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency.reused"
    assert (await api.get(f"{PATH}/default/b")).status_code == 404


async def test_a_refused_request_leaves_its_key_free(api: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "k1"}
    refused = await api.post(PATH, json={"name": "A"}, headers=headers)
    assert refused.status_code == 422
    assert (await api.post(PATH, json={"name": "a"}, headers=headers)).status_code == 201


async def test_racing_twins_have_one_effect(api: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "k1"}
    answers = await asyncio.gather(
        *(api.post(PATH, json={"name": "a"}, headers=headers) for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 9


async def test_a_key_must_be_printable(api: httpx.AsyncClient) -> None:
    answer = await api.post(PATH, json={"name": "a"}, headers={"idempotency-key": "x" * 256})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "header.idempotency-key"
