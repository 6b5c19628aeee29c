"""From a completion to what it is worth: the one path through curation, up to dedup."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.curation.accept import AcceptSpec
from app.curation.contamination import Contamination
from app.curation.exact import digest
from app.curation.filter import Filter
from app.curation.finish import finish_problem
from app.curation.funnel import Stage
from app.curation.parser import Parser
from app.curation.response import Format, Response
from app.curation.text import reply_problem
from app.curation.verdict import Flag, Record, Verdict
from app.teachers.completion import Completion


@dataclass(frozen=True, slots=True)
class Curated:
    """Refused, with a verdict, or still in the running, with a digest to be novel by."""

    record: Record | None
    """Inputs and reply in one. Refused replies have it too, once they were parsed."""
    verdict: Verdict | None
    digest: bytes | None
    """16 bytes; of records that were not refused only."""
    reached: Stage
    """The last stage passed: `generated`, `parsed` or `filtered`."""
    flags: tuple[Flag, ...] = ()
    """What should be noted of a record that is kept."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Made once per job. Pure: the same completion and inputs always give the same answer."""

    parser: Parser
    filters: tuple[Filter, ...]
    response: Response
    dedup: tuple[str, ...] | None
    """The fields that must be new together; all of the record's if it is not said."""
    contamination: Contamination | None = None
    """What records must not copy. After the filters: it reads every word, they seldom do."""

    @classmethod
    def of(
        cls,
        accept: AcceptSpec,
        response_format: Format,
        response_schema: dict[str, Any],
        dedup: Iterable[str] | None = None,
        contamination: Contamination | None = None,
    ) -> "Chain":
        spec = accept.resolved(response_format)
        response = Response.of(response_schema)
        if spec.parse is None:
            raise AssertionError("a resolved spec names its parser")
        return cls(
            parser=spec.parse,
            filters=tuple(each.bound(response) for each in spec.filters),
            response=response,
            dedup=tuple(dedup or ()) or None,
            contamination=contamination,
        )

    def curate(self, completion: Completion, inputs: Record) -> Curated:
        """Never raises on account of what a teacher wrote; `inputs` must be storable already."""
        if verdict := finish_problem(completion) or reply_problem(completion.content):
            return Curated(None, verdict, None, Stage.GENERATED)
        reply = self.parser(completion.content, self.response)
        if isinstance(reply, Verdict):
            return Curated(None, reply, None, Stage.GENERATED)
        record = {**inputs, **reply}
        for each in self.filters:
            if verdict := each(record):
                return Curated(record, verdict, None, Stage.PARSED)
        found = self.contamination.check(record) if self.contamination else None
        if isinstance(found, Verdict):
            return Curated(record, found, None, Stage.PARSED)
        flags = (found,) if found else ()
        return Curated(record, None, digest(record, self.dedup), Stage.FILTERED, flags)

    def curate_many(self, pairs: Iterable[tuple[Completion, Record]]) -> list[Curated]:
        return [self.curate(completion, inputs) for completion, inputs in pairs]
