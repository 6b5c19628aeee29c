"""Pages as the Hub has them: a list, and the absolute address of the next one in `Link`."""

from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import Request, Response

MOST = 1000
"""Entries on a page; what the Hub gives."""


def size_of(asked: str | None, most: int = MOST) -> int:
    """How many are wanted; anything that is no number means as many as there may be."""
    if asked is not None and asked.isascii() and asked.isdigit():
        return max(1, min(int(asked[:9]), most))
    return most


def page(request: Request, items: Sequence[Any], following: str | None) -> Response:
    """`following` is the cursor of the next page, or nothing on the last one."""
    response = Response(orjson.dumps(list(items)), media_type="application/json")
    if following is not None:
        # Absolute: clients of every age follow it as it stands.
        url = request.url.include_query_params(cursor=following)
        base = request.app.state.settings.public_url or f"{url.scheme}://{url.netloc}"
        response.headers["Link"] = f'<{base.rstrip("/")}{url.path}?{url.query}>; rel="next"'
    return response
