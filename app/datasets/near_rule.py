"""Which rows of a version are near-duplicates: the rule, and which corpora keep to it already."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.corpus.models import Corpus
from app.curation.near import Near
from app.curation.novelty import DedupSpec, NearOrOff, NearSpec
from app.datasets.features import Features
from app.errors import Invalid

THRESHOLD: Final = 0.8
"""Where no corpus has a policy to go by."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is near here, and which corpora have seen to it among their own rows."""

    near: Near
    sweeps: bool
    guarded: frozenset[UUID]

    def idle(self, corpora: Collection[UUID]) -> bool:
        """Whether there is nothing to look for."""
        return not self.sweeps or (len(corpora) == 1 and self.guarded.issuperset(corpora))


def rule(corpora: Sequence[Corpus], columns: Features, asked: NearOrOff | None) -> Rule:
    """What is not said follows the first corpus that has a policy; fields have to be in `columns`,
    those that all corpora share.
    """
    policies = {corpus.id: DedupSpec.model_validate(corpus.dedup).near for corpus in corpora}
    told = [each for each in policies.values() if isinstance(each, NearSpec)]
    first = told[0] if told else NearSpec(threshold=THRESHOLD)
    spec = asked if isinstance(asked, NearSpec) else NearSpec(threshold=first.threshold)
    for number, name in enumerate(spec.fields or ()):
        if name not in columns:
            raise Invalid.at(
                f"/near/fields/{number}", f"should be a column: {', '.join(columns)}", name
            )
    same = first.same if spec.same is None and spec.fields in (None, first.fields) else spec.same
    fields = spec.fields or tuple(name for name in first.fields or () if name in columns)
    fields = fields or tuple(name for name, kind in columns.items() if kind == "string")
    made = Near(fields or tuple(columns), same or (), spec.threshold)
    guarded = frozenset(
        corpus
        for corpus, policy in policies.items()
        if isinstance(policy, NearSpec)
        and policy.threshold <= made.threshold
        and (policy.fields, policy.same or ()) == (made.fields, made.same)
    )
    return Rule(made, asked is not False, guarded)
