"""Pages by cursor: stable while rows are added, and as quick on the last page as on the first."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
from fastapi import Depends, Query
from pydantic import BaseModel

from app.errors import Invalid

T = TypeVar("T")
Row = TypeVar("Row")


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: str | None = None
    """Give it back as `cursor` for the next page; null on the last one."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    limit: int
    cursor: str | None

    @property
    def after_id(self) -> UUID | None:
        """The id of the last row of the page before."""
        value = self._value()
        if value is None:
            return None
        try:
            return UUID(value)
        except (ValueError, TypeError, AttributeError):
            raise self._bad() from None

    @property
    def after_number(self) -> int | None:
        """The position of the last row of the page before."""
        value = self._value()
        if value is None or (isinstance(value, int) and 0 <= value < 2**63):
            return value
        raise self._bad()

    def _value(self) -> Any:
        if self.cursor is None:
            return None
        try:
            return orjson.loads(
                base64.urlsafe_b64decode(self.cursor + "=" * (-len(self.cursor) % 4))
            )
        except (binascii.Error, ValueError):
            raise self._bad() from None

    def _bad(self) -> Invalid:
        return Invalid.at("query.cursor", "should be the `next` of an earlier page", self.cursor)


def page_of(
    rows: Sequence[Row], asked: PageRequest, key: Callable[[Row], Any], show: Callable[[Row], T]
) -> Page[T]:
    """A page from up to `limit + 1` rows: the one too many tells that there is a next page."""
    kept = rows[: asked.limit]
    more = len(rows) > asked.limit
    return Page(items=[show(row) for row in kept], next=cursor_at(key(kept[-1])) if more else None)


def cursor_at(value: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


def page_request(
    limit: Annotated[int, Query(ge=1, le=200, description="How many at most.")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=512, description="The `next` of the page before.")
    ] = None,
) -> PageRequest:
    return PageRequest(limit, cursor)


PageDep = Annotated[PageRequest, Depends(page_request)]
