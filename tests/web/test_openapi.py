"""What the docs page promises of every route."""

from collections.abc import Iterator
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.auth.dependency import caller
from app.main import routers

OPEN = {
    "/livez",  # asked by machines that have no business here
    "/readyz",
    "/v1/signed/{namespace}/{name}/{version}/{path:path}",  # the URL itself is the permission
}


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


async def test_every_json_body_has_an_example(api: httpx.AsyncClient) -> None:
    described = (await api.get("/openapi.json")).json()
    schemas = described["components"]["schemas"]
    bare = []
    for name, operation in operations(described):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        schema = content["schema"]
        schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        fields = schema.get("properties", {}).values()
        shown = "examples" in schema or "example" in content or "examples" in content
        if not shown and not any("examples" in field for field in fields):
            bare.append(name)
    assert bare == []


async def test_every_operation_says_what_it_does_and_how_it_fails(api: httpx.AsyncClient) -> None:
    described = (await api.get("/openapi.json")).json()
    for name, operation in operations(described):
        assert operation.get("description"), name
        content = operation["responses"]["4XX"]["content"]
        assert list(content) == ["application/problem+json"], name
    assert "Problem" in described["components"]["schemas"]


def test_every_route_learns_who_is_calling() -> None:
    app = FastAPI()
    for router in routers():
        app.include_router(router)
    deaf = [
        route.path
        for router in routers()
        for route in router.routes
        if isinstance(route, APIRoute)
        and caller not in [each.call for each in route.dependant.dependencies]
    ]
    assert set(deaf) == OPEN


async def test_the_docs_page_works_without_any_other_host(api: httpx.AsyncClient) -> None:
    page = (await api.get("/docs")).text
    assert "http://" not in page
    assert "https://" not in page
    for place in page.split('"'):
        if place.startswith("/static-offline-docs/"):
            assert (await api.get(place)).status_code == 200
