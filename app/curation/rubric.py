"""What a rubric wants to know of a record, and what its judge's reply is worth."""

from dataclasses import dataclass
from typing import NamedTuple

from app.curation.accept import AcceptSpec
from app.curation.finish import finish_problem
from app.curation.judge import JudgeSpec
from app.curation.parser import Parser
from app.curation.response import Response
from app.curation.text import for_display, reply_problem
from app.curation.verdict import Flag, Record, Verdict
from app.prompts.template import Template
from app.teachers.completion import Completion

_LONGEST = 400
"""Characters that are shown of what a judge said."""


_MOST = 1e9
"""The highest score, and the lowest one below zero."""


class Score(NamedTuple):
    value: float | None
    """None where there was none to be read."""
    detail: str | None
    """What else the judge said, or why there is no score: for a person, shortened."""


@dataclass(frozen=True, slots=True)
class Rubric:
    """Pure: the same reply is always worth the same."""

    spec: JudgeSpec
    template: Template
    parser: Parser
    response: Response

    @classmethod
    def of(cls, spec: JudgeSpec, template: Template) -> "Rubric":
        parser = AcceptSpec.default_for(template.format).parse
        if parser is None:
            raise AssertionError("a resolved spec names its parser")
        return cls(spec, template, parser, Response.of(template.response))

    def inputs(self, record: Record) -> Record:
        """The fields of the record that the rubric shows its judge."""
        return {name: record[name] for name in self.template.input_names if name in record}

    def read(self, completion: Completion) -> Score:
        """Never raises, whatever the judge wrote."""
        problem = finish_problem(completion) or reply_problem(completion.content)
        reply = problem or self.parser(completion.content, self.response)
        if isinstance(reply, Verdict):
            said = reply.reason if reply.detail is None else f"{reply.reason}: {reply.detail}"
            return Score(None, for_display(said, _LONGEST))
        value = reply.get(self.spec.field)
        if not isinstance(value, int | float) or isinstance(value, bool):
            return Score(None, f"there is no number in {self.spec.field}")
        if not -_MOST <= value <= _MOST:  # nor is what is not a number
            return Score(None, f"there is no number in {self.spec.field}")
        rest = [f"{name}: {said}" for name, said in reply.items() if name != self.spec.field]
        return Score(float(value), for_display("; ".join(rest), _LONGEST) or None)

    def weigh(self, score: Score) -> Verdict | Flag:
        """Whether the record goes on with this score."""
        least = self.spec.min
        if score.value is None:
            kind = Flag if least is None else Verdict
            return kind("judge.unreadable", None, least, score.detail)
        if least is not None and score.value < least:
            return Verdict("judge.low_score", score.value, least, score.detail)
        return Flag("judge.score", score.value, least, score.detail)
