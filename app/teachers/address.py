"""A teacher's address as people write it: `http://gpu-box:8000/v1`."""

from ipaddress import ip_address
from typing import Annotated

import httpx
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.teachers.addresses import is_allowed

_RULE = "should be a server's address, such as http://gpu-box:8000/v1"


def base_of(text: str) -> str:
    """The address without `/v1`, under which the server's other pages are."""
    try:
        url = httpx.URL(text.strip())
        host = url.host
    except (httpx.InvalidURL, ValueError) as error:
        raise _wrong(f"{_RULE} ({error})") from None
    if url.scheme not in {"http", "https"} or not host:
        raise _wrong(_RULE)
    if url.userinfo:
        raise _wrong(f"{_RULE}, without a user or password: give the key as api_key")
    if url.query or url.fragment:
        raise _wrong(f"{_RULE}, without '?' or '#'")
    _check_literal(host)
    base = str(url).rstrip("/")
    return base.removesuffix("/v1").rstrip("/")


def _check_literal(host: str) -> None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return
    if not is_allowed(address):
        raise _wrong("should not be a link-local or metadata address, where no teacher may be")


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("teacher_url", "{message}", {"message": message})


Url = Annotated[
    str,
    Field(min_length=8, max_length=500, examples=["http://gpu-box:8000/v1"]),
    AfterValidator(base_of),
]
