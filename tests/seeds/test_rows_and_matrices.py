import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

URL = "/v1/seeds"


async def rows_of(api: httpx.AsyncClient, name: str) -> list[dict[str, Any]]:
    found = (await api.get(f"{URL}/default/{name}/rows?limit=200")).json()["items"]
    return [row["fields"] for row in found]


async def test_a_matrix_becomes_a_row_per_combination(api: httpx.AsyncClient) -> None:
    made = await api.post(
        URL, json={"name": "m", "matrix": {"topic": ["rain", "snow"], "n": [1, None, True]}}
    )

    assert made.status_code == 201, made.text
    assert made.json()["source"] == "matrix"
    assert made.json()["columns"] == ["topic", "n"]
    assert await rows_of(api, "m") == [
        {"topic": topic, "n": n} for topic in ("rain", "snow") for n in (1, None, True)
    ]


async def test_whole_weights_become_as_many_rows(api: httpx.AsyncClient) -> None:
    await api.post(
        URL, json={"name": "m", "matrix": {"t": ["a", "b"], "level": {"easy": 1, "hard": 3}}}
    )

    seen = Counter((row["t"], row["level"]) for row in await rows_of(api, "m"))
    assert seen == {("a", "easy"): 1, ("a", "hard"): 3, ("b", "easy"): 1, ("b", "hard"): 3}


async def test_rows_in_the_body_are_a_version_and_equal_ones_the_same(
    api: httpx.AsyncClient,
) -> None:
    body = {"name": "default/r", "rows": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}
    made = await api.post(URL, json=body)
    again = await api.post(URL, json={**body, "rows": [{"b": "x", "a": 1}, {"b": "y", "a": 2}]})

    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json()
    backwards = await api.post(URL, json={**body, "rows": body["rows"][::-1]})
    assert backwards.json()["version"] == 2


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        ({"name": "x"}, "/", "either rows or a matrix"),
        ({"name": "x", "rows": [{"a": 1}], "matrix": {"a": [1]}}, "/", "either rows or a matrix"),
        ({"name": "x@2", "rows": [{"a": 1}]}, "/name", "without @version"),
        ({"name": "X", "rows": [{"a": 1}]}, "/name", "should be name, namespace/name"),
        ({"name": "x", "rows": []}, "/rows", "at least 1 item"),
        ({"name": "x", "rows": [{"a": 1}, {"b": 1}]}, "/rows/1", "lacks the column 'a'"),
        ({"name": "x", "rows": [{}]}, "/rows/0", "should have 1 to 256 columns"),
        ({"name": "x", "matrix": {"a": []}}, "/matrix/a", "should be a list of 1 to 1000"),
        ({"name": "x", "matrix": {"a": {"b": 1.5}}}, "/matrix/a", "whole numbers as weights"),
        ({"name": "x", "matrix": {"a": {"b": 10**12}}}, "/matrix/a", "whole numbers as weights"),
        (
            {"name": "x", "matrix": {name: list(range(100)) for name in "abc"}},
            "/matrix",
            "has 1000000 cells",
        ),
        ({"name": "x", "row": [{"a": 1}]}, "/row", "Extra inputs"),
    ],
)
async def test_a_slip_in_the_body_is_named(
    api: httpx.AsyncClient, body: dict[str, Any], field: str, problem: str
) -> None:
    refused = await api.post(URL, json=body)

    assert refused.status_code == 422, refused.text
    error = refused.json()["errors"][0]
    assert error["field"] == field
    assert problem in error["problem"]
    assert (await api.get(URL)).json()["items"] == []


async def test_racing_pushes_share_equal_versions_and_number_the_others(
    api: httpx.AsyncClient,
) -> None:
    answers = await asyncio.gather(
        *(api.post(URL, json={"name": "r", "rows": [{"a": n % 4}]}) for n in range(16))
    )

    assert Counter(answer.status_code for answer in answers) == {201: 4, 200: 12}
    assert {answer.json()["version"] for answer in answers} == {1, 2, 3, 4}
    for answer in answers:
        row = (await api.get(f"{URL}/default/r@{answer.json()['version']}/rows")).json()
        assert len(row["items"]) == 1
