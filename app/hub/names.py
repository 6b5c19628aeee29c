"""What the Hub calls a repository and a revision, as we name them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from app.names import Ref

MAIN = "main"
"""The newest version that is not withdrawn. The only revision that moves."""

_TAG = re.compile(r"v([1-9][0-9]{0,8})")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Repo:
    """A dataset, or with `pinned` the alias that has one version of it: `support/faq.v3`.

    A loader that falls back to its cache picks any revision that it has of a repository. An alias
    has only one.
    """

    namespace: str
    name: str
    pinned: int | None = None

    @classmethod
    def parse(cls, namespace: str, name: str) -> "Repo | None":
        """Nothing for names that no dataset can have: a dot is reserved for the alias."""
        plain, dot, tag = name.partition(".")
        version = version_of(tag)
        if dot and version is None:
            return None
        try:
            ref = Ref.parse(f"{namespace}/{plain}")
        except ValueError:
            return None
        return None if ref.version else cls(ref.namespace, ref.name, version)

    def __str__(self) -> str:
        alias = "" if self.pinned is None else f".{tag_of(self.pinned)}"
        return f"{self.namespace}/{self.name}{alias}"


def tag_of(version: int) -> str:
    return f"v{version}"


def version_of(revision: str) -> int | None:
    found = _TAG.fullmatch(revision)
    return int(found[1]) if found else None


def is_commit(revision: str) -> bool:
    return _COMMIT.fullmatch(revision) is not None


def title_of(version: int) -> str:
    """What a commit is called."""
    return f"publish {tag_of(version)}"


def moment(time: datetime) -> str:
    """The only form that clients of every age can read."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03}Z"
