"""What to publish: which records, in which layout, into which splits."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, Field

from app.corpus.selection import Selection
from app.datasets.exporter import Exporter, exporters
from app.datasets.exporters import Records
from app.datasets.splits import Splits
from app.names import Ref
from app.semantic.schemas import SemanticLimit
from app.web.caller import Scope


def _name_alone(value: Any) -> Any:
    """`records` is short for `{name: records}`."""
    return {"name": value} if isinstance(value, str) else value


Layout = Annotated[Exporter, exporters, BeforeValidator(_name_alone)]


class VersionSpec(BaseModel, frozen=True, extra="forbid"):
    """An empty object publishes the whole corpus, as it is, into the splits of the version before;
    those of the first version are all `train`.
    """

    selection: Selection = Selection()
    layout: Layout = Field(
        default_factory=Records,
        examples=[{"name": "messages", "prompt": ["question"], "completion": ["answer"]}],
    )
    splits: Splits | None = Field(default=None, examples=[{"train": 0.95, "validation": 0.05}])
    """Shares by name. A dataset keeps those of its first version, so that no row ever moves."""
    decontaminate: tuple[Ref, ...] | None = Field(default=None, examples=[["support/exam@1"]])
    """The evaluation sets of which no row may be a copy; by default all of the dataset's
    namespace, in their latest versions. An empty list turns it off."""
    semantic: SemanticLimit | None = None
    """By default, what means the same is published all the same."""


class PublishSpec(VersionSpec, frozen=True, extra="forbid"):
    """The same for a dataset that is made if it does not exist."""

    needs_scope: ClassVar[Scope] = "publish"
    """Whatever document it is a part of."""

    dataset: Ref = Field(examples=["support/faq"])
