"""From a completion to what it is worth: the one path through curation, up to dedup."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.curation.accept import AcceptSpec
from app.curation.contamination import Contamination
from app.curation.exact import digest
from app.curation.filter import Filter
from app.curation.finish import finish_problem
from app.curation.funnel import Stage
from app.curation.guard import judged
from app.curation.parser import Parser
from app.curation.response import Format, Response
from app.curation.sample import Sample
from app.curation.text import reply_problem
from app.curation.verdict import Change, Flag, Record, Verdict
from app.prompts.prompt import Prompt
from app.teachers.completion import Completion


class Curated(NamedTuple):
    """Refused, with a verdict, or still in the running, with a digest to be novel by."""

    record: Record | None
    """Inputs and reply in one, as the filters left it. Refused replies have it too, once they were
    parsed."""
    verdict: Verdict | None
    digest: bytes | None
    """16 bytes; of records that were not refused only."""
    reached: Stage
    """The last stage passed: `generated`, `parsed` or `filtered`."""
    flags: tuple[Flag, ...] = ()
    """What the filters noted of a record that they did not refuse, in the order they ran."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Made once per job. Pure: the same completion, inputs and prompt always give one answer."""

    parser: Parser
    filters: tuple[Filter, ...]
    response: Response
    dedup: tuple[str, ...] | None
    """The fields that must be new together; all of the record's if it is not said."""
    contamination: Contamination | None = None
    """What records must not copy. After the filters: a record is compared as they left it."""

    @classmethod
    def of(
        cls,
        accept: AcceptSpec,
        response_format: Format,
        response_schema: dict[str, Any],
        dedup: Iterable[str] | None = None,
        examples: Iterable[Record] = (),
        contamination: Contamination | None = None,
    ) -> "Chain":
        """`examples` are the responses of the few-shot set that the job's prompts show."""
        spec = accept.resolved(response_format)
        response = Response.of(response_schema, examples)
        if spec.parse is None:
            raise AssertionError("a resolved spec names its parser")
        return cls(
            parser=spec.parse,
            filters=tuple(each.bound(response) for each in spec.filters),
            response=response,
            dedup=tuple(dedup or ()) or None,
            contamination=contamination,
        )

    @property
    def needs_prompt(self) -> bool:
        """Whether `curate` wants the prompt too; without it, a filter sees less than it could."""
        return any(each.needs_prompt for each in self.filters)

    def curate(
        self, completion: Completion, inputs: Record, prompt: Prompt | None = None
    ) -> Curated:
        """Never raises, whatever a teacher wrote or a filter does; `inputs` must be storable
        already. A stored reply's prompt is its inputs rendered again.
        """
        if verdict := finish_problem(completion) or reply_problem(completion.content):
            return Curated(None, verdict, None, Stage.GENERATED)
        reply = self.parser(completion.content, self.response)
        if isinstance(reply, Verdict):
            return Curated(None, reply, None, Stage.GENERATED)
        sample = Sample({**inputs, **reply}, completion, prompt)
        flags: list[Flag] = []
        for each in self.filters:
            match judged(each, sample, self.response):
                case Verdict() as verdict:
                    return Curated(sample.record, verdict, None, Stage.PARSED)
                case Flag() as flag:
                    flags.append(flag)
                case Change(record, flag):
                    sample = sample._replace(record=record)
                    flags.append(flag)
        record = sample.record
        found = self.contamination.check(record) if self.contamination else None
        if isinstance(found, Verdict):
            return Curated(record, found, None, Stage.PARSED)
        if found is not None:
            flags.append(found)
        return Curated(record, None, digest(record, self.dedup), Stage.FILTERED, tuple(flags))
