"""A filter's word, made safe: whatever a filter does, its sample gets a finding that can be stored.

Filters come from other packages too. One that raises, answers nonsense, or breaks a record costs
that sample only, with the reason `filter.<name>.error`; never the chunk it is in.
"""

from copy import deepcopy
from functools import cache
from typing import Any

import orjson

from app.curation import text
from app.curation.filter import Filter
from app.curation.response import Response
from app.curation.sample import Sample
from app.curation.verdict import Change, Finding, Flag, Record, Verdict

_LONGEST = 400
"""Characters of a detail, or of a value that is text."""


def judged(each: Filter, sample: Sample, response: Response) -> Finding | None:
    """What the filter says of the sample; never raises, and the sample stays as it was."""
    try:
        finding = each(sample if _is_ours(type(each)) else _apart(sample))
    except Exception as error:  # noqa: BLE001  (anybody's code, and a verdict must come of it)
        return _error(each, type(error).__name__, str(error))
    if finding is None:
        return None
    problem = _problem(each, finding, sample.record, response)
    return finding if problem is None else _error(each, problem, None)


def _error(each: Filter, value: str, detail: str | None) -> Verdict:
    shown = None if detail is None else text.for_display(detail)
    return Verdict(each.code("error"), text.for_display(value), None, shown, each.revision)


@cache
def _is_ours(kind: type[Filter]) -> bool:
    return kind.__module__.startswith("app.")


def _apart(sample: Sample) -> Sample:
    """With a record of its own, which a filter may write into without harm."""
    return sample._replace(record=deepcopy(sample.record))


def _problem(each: Filter, finding: Any, before: Record, response: Response) -> str | None:
    if isinstance(finding, Change):
        return _note_problem(each, finding.flag) or _record_problem(
            finding.record, before, response
        )
    if isinstance(finding, Verdict | Flag):
        return _note_problem(each, finding)
    return f"answered {type(finding).__name__}, which is no finding"


def _note_problem(each: Filter, note: Verdict | Flag) -> str | None:
    own = each.code(None)
    # Another stage's reason would be counted there, an unknown one nowhere.
    if note.reason != own and not note.reason.startswith(f"{own}."):
        return f"gave the reason {note.reason!r}, which is not one of its own"
    return _storable([note.reason, note.value, note.threshold, note.detail, note.revision])


def _record_problem(record: Any, before: Record, response: Response) -> str | None:
    if not isinstance(record, dict) or record.keys() != before.keys():
        return "changed which fields there are"
    for field, value in record.items():
        if type(value) is not type(before[field]):
            return f"changed the type of {field}"
    if problem := _storable(record):
        return problem
    reply = {field: record[field] for field in response.fields if field in record}
    misfits = response.validator.problems(reply)
    return f"made what the response schema refuses, in {misfits[0][0]}" if misfits else None


def _storable(value: Any) -> str | None:
    if found := text.problem(value):
        return f"said what cannot be stored: {found.reason}"
    try:
        orjson.dumps(value)
    except TypeError as error:
        return f"said what is not JSON: {error}"
    return None
