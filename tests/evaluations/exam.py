"""An evaluation set as tests upload it."""

import json
from typing import Any

import httpx

TRAINS = (
    "A train leaves the harbour at noon and another one leaves the mountain village two hours "
    "later; when do they meet?"
)
SHIPS = (
    "How many ships can enter the old harbour between two tides if each of them needs a quarter "
    "of an hour?"
)
ITEMS = [
    {"id": "1", "question": SHIPS, "answer": "eight"},
    {"id": "2", "question": TRAINS, "answer": "at five"},
]
EXAM = "/v1/evaluation-sets/default/exam"


async def upload(
    api: httpx.AsyncClient, items: list[dict[str, Any]], at: str = EXAM, query: str = ""
) -> httpx.Response:
    return await api.post(
        f"{at}/versions{query}",
        content="".join(json.dumps(item) + "\n" for item in items),
        headers={"content-type": "application/x-ndjson"},
    )
