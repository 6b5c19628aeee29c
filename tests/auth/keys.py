"""Keys as tests make them."""

from typing import Any

import httpx

MINE = "mine"
"""A namespace in which there is nothing."""


async def make(api: httpx.AsyncClient, *scopes: str, **more: Any) -> dict[str, Any]:
    body = {"name": "test", "scopes": scopes or ("read",), **more}
    answer = await api.post("/v1/keys", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def shown(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
