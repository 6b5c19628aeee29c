"""One version of a template or of a few-shot set, as it was pushed."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from app.names import Ref
from app.prompts.few_shot import FewShotSet
from app.prompts.template import Template, parse_template


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    id: UUID
    ref: Ref
    """With its version: `default/question-answer@3`."""
    digest: str
    description: str
    source: str
    created_at: datetime

    @property
    def template(self) -> Template:
        """What the source declares. It was checked when it was pushed."""
        return _parsed(self.source)


@dataclass(frozen=True, slots=True)
class FewShotVersion:
    id: UUID
    ref: Ref
    digest: str
    few_shot: FewShotSet
    template: Ref | None
    """The template version the examples were checked against, if they are bound to one."""
    created_at: datetime


@lru_cache(maxsize=64)
def _parsed(source: str) -> Template:
    return parse_template(source)
