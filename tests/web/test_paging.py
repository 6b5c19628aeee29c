"""A walk over pages sees each row once."""

import httpx


async def test_a_page_walk_sees_each_row_once_while_rows_are_added(api: httpx.AsyncClient) -> None:
    for number in range(7):
        await api.post("/v1/corpora", json={"name": f"c{number}"})
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/v1/corpora", params=params)).json()
        seen += [corpus["name"] for corpus in page["items"]]
        if len(seen) == 3:
            await api.post("/v1/corpora", json={"name": "late"})
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [*(f"c{number}" for number in range(7)), "late"]
