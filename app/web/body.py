"""Request bodies: bounded, strict JSON, nothing that Postgres cannot hold."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import orjson
from fastapi import Request
from starlette.requests import ClientDisconnect

from app.errors import Invalid, TooLarge


async def chunks(request: Request, most: int) -> AsyncIterator[bytes]:
    """The raw body as it arrives, at most `most` bytes of it."""
    declared = request.headers.get("content-length", "0")
    seen = 0
    if declared.isdigit() and int(declared) > most:
        raise _too_large(most, int(declared))
    try:
        async for chunk in request.stream():
            seen += len(chunk)
            if seen > most:
                raise _too_large(most, seen)
            yield chunk
    except ClientDisconnect:
        raise Invalid("request.cut_off", f"the body broke off after {seen} bytes") from None


def _too_large(most: int, seen: int) -> TooLarge:
    return TooLarge(
        "request.too_large", f"the body has {seen} bytes or more; this route takes at most {most}"
    )


async def read(request: Request, most: int) -> bytes:
    """The whole body, and its JSON checked and kept where the framework will look for it."""
    body = b"".join([chunk async for chunk in chunks(request, most)])
    request._body = body  # noqa: SLF001  (what Request.body() itself would keep)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and (kind == "application/json" or kind.endswith("+json")):
        request._json = _parse(body)  # noqa: SLF001  (likewise)
    return body


def _parse(body: bytes) -> Any:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid(
            "request.json",
            f"the body is not JSON: {error.msg} at character {error.pos}",
            hint="Strict JSON in UTF-8: no NaN, no Infinity, no lone surrogates.",
        ) from error
    if b"\\u0000" in body:
        for place, text in _strings(value, ""):
            if "\0" in text:
                raise Invalid.at(place or "/", "should not hold the character NUL", text)
    return value


def _strings(value: Any, place: str) -> Iterable[tuple[str, str]]:
    """Every string in a JSON value, keys included, with its place."""
    stack = [(place, value)]
    while stack:
        where, item = stack.pop()
        if isinstance(item, str):
            yield where, item
        elif isinstance(item, dict):
            for key, inner in item.items():
                yield where, key
                stack.append((f"{where}/{key}", inner))
        elif isinstance(item, list):
            stack.extend((f"{where}/{i}", inner) for i, inner in enumerate(item))
