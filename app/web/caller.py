"""Who is calling, as every route sees it: what they may do, and in which namespaces."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args
from uuid import UUID

from pydantic import BaseModel

from app.errors import Forbidden, NotFound
from app.names import Ref

Scope = Literal["read", "write", "publish", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""`admin` is all of them, and each of the others is `read` too."""

LOCAL = "local"
"""The identity of those who need no key."""

NEEDS = "needs_scope"
"""An endpoint, or the model of a part of a body, with this attribute asks for that scope."""


@dataclass(frozen=True, slots=True)
class Caller:
    name: str
    scopes: frozenset[Scope]
    namespaces: frozenset[str] | None
    """Those of the key; none for all."""
    key_id: UUID | None = None

    @property
    def identity(self) -> str:
        """Never that of another caller, whatever a key is called."""
        return LOCAL if self.key_id is None else str(self.key_id)

    @property
    def is_admin(self) -> bool:
        """Of the whole installation."""
        return "admin" in self.scopes and self.namespaces is None

    def may(self, scope: Scope) -> bool:
        return bool(self.scopes & {"admin", scope}) or (scope == "read" and bool(self.scopes))

    def may_use(self, namespace: str) -> bool:
        return self.namespaces is None or namespace in self.namespaces

    def require(self, scope: Scope) -> None:
        """Raises `Forbidden` where this scope is not among the caller's."""
        if not self.may(scope):
            raise Forbidden(
                "auth.scope",
                f"this takes a key with the scope {scope}, and this one has "
                f"{', '.join(sorted(self.scopes))}",
                hint="An admin makes keys: POST /v1/keys, or `limbeck key create`.",
            )

    def require_namespace(self, namespace: str) -> None:
        """Raises `NotFound` for one that is not the caller's: it might as well not be there."""
        if not self.may_use(namespace):
            raise NotFound(
                "namespace.not_found",
                f"there is no namespace {namespace[:80]} for this key",
                hint=f"It belongs to {', '.join(sorted(self.namespaces or ()))}.",
            )

    def require_all(self, sent: Mapping[str, Any]) -> None:
        """What an endpoint is about to be given may name nothing outside the caller's namespaces,
        and ask for nothing outside the scopes.
        """
        if self.namespaces is None and "admin" in self.scopes:
            return
        for namespace in _namespaces(sent):
            self.require_namespace(namespace)
        for part in _parts(sent):
            if scope := getattr(type(part), NEEDS, None):
                self.require(scope)


def _namespaces(sent: Mapping[str, Any]) -> Iterator[str]:
    named: Any = sent.get("namespace")
    if isinstance(named, str):
        yield named
    for part in _parts(sent):
        named = getattr(part, "namespace", None) if isinstance(part, BaseModel | Ref) else None
        if isinstance(named, str):
            yield named


def _parts(sent: Mapping[str, Any]) -> Iterator[BaseModel | Ref]:
    """All models and names in what is sent. The members of free JSON are nobody's names."""
    stack: list[Any] = [*sent.values()]
    while stack:
        part = stack.pop()
        if isinstance(part, BaseModel | Ref):
            yield part
        if isinstance(part, BaseModel):
            stack.extend(inner for _, inner in part)
        elif isinstance(part, dict):
            stack.extend(
                each for each in (*part, *part.values()) if isinstance(each, BaseModel | Ref)
            )
        elif isinstance(part, list | tuple | set | frozenset):
            stack.extend(part)
