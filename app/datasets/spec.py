"""What to publish: which records, in which layout, into which splits."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, Field

from app.corpus.selection import Selection
from app.curation.novelty import NearOrOff
from app.datasets.exporter import Exporter, exporters
from app.datasets.exporters import Records
from app.datasets.mix import MixRule
from app.datasets.splits import Splits
from app.datasets.terms import TermsOverride
from app.names import Ref
from app.semantic.schemas import SemanticLimit
from app.web.caller import Scope


def _name_alone(value: Any) -> Any:
    """`records` is short for `{name: records}`."""
    return {"name": value} if isinstance(value, str) else value


Layout = Annotated[Exporter, exporters, BeforeValidator(_name_alone)]


class VersionSpec(BaseModel, frozen=True, extra="forbid"):
    """An empty object publishes all records of the dataset's corpora into the splits of the version
    before; those of the first version are all `train`.
    """

    selection: Selection = Selection()
    layout: Layout = Field(
        default_factory=Records,
        examples=[{"name": "messages", "prompt": ["question"], "completion": ["answer"]}],
    )
    mix: tuple[MixRule, ...] = Field(
        default=(), max_length=8, examples=[[{"by": ["level"], "cap": 5000}]]
    )
    """Caps and weights per stratum, applied in this order to what all checks have let through."""
    splits: Splits | None = Field(default=None, examples=[{"train": 0.95, "validation": 0.05}])
    """Shares by name. A dataset keeps those of its first version, so that no row ever moves."""
    near: NearOrOff | None = Field(
        default=None, examples=[0.8, False, {"threshold": 0.8, "fields": ["question"]}]
    )
    """Leave out what is nearly the same as a row that came before, where the corpora themselves
    did not: rows of different corpora, and of one whose own policy is weaker. A threshold, more of
    it as an object, or false; by default as the first corpus that has such a policy, else at 0.8.
    Records that say exactly the same are left out in any case."""
    decontaminate: tuple[Ref, ...] | None = Field(default=None, examples=[["support/exam@1"]])
    """The evaluation sets of which no row may be a copy; by default all of the dataset's
    namespace, in their latest versions. An empty list turns it off."""
    semantic: SemanticLimit | None = None
    """By default, what means the same is published all the same."""
    terms_override: TermsOverride | None = None
    """By default, a version is refused if a teacher of its rows forbids training on them."""


class PublishSpec(VersionSpec, frozen=True, extra="forbid"):
    """The same for a dataset that is made if it does not exist."""

    needs_scope: ClassVar[Scope] = "publish"
    """Whatever document it is a part of."""

    dataset: Ref = Field(examples=["support/faq"])
