"""A selection as query parameters: singular names, of which some may be given more than once."""

from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from fastapi import Depends, Query
from pydantic import AwareDatetime, ValidationError

from app.corpus.models import ReviewVerdict
from app.corpus.selection import LONGEST_SEARCH, RecordSelection, RejectSelection
from app.errors import FieldError, Invalid
from app.web.problems import field_errors

Selected = TypeVar("Selected", bound=RecordSelection)

_MOST = 100

Job = Annotated[
    list[UUID], Query(max_length=_MOST, description="Only of these jobs; repeat it for several.")
]
Template = Annotated[
    list[str],
    Query(
        max_length=_MOST,
        description="Only of these templates: `name@4` is one version, `name` is all of them.",
        examples=[["faq/question-answer@4"]],
    ),
]
Teacher = Annotated[
    list[str],
    Query(
        max_length=_MOST,
        description="Only of jobs that asked one of these teachers.",
        examples=[["local"]],
    ),
]
After = Annotated[
    AwareDatetime | None,
    Query(description="Only what was stored at this moment or later; with its time zone."),
]
Before = Annotated[
    AwareDatetime | None,
    Query(description="Only what was stored before this moment; with its time zone."),
]
Search = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=LONGEST_SEARCH,
        description='Only what has these words in its texts, whatever their case and order; `"in '
        'quotes"` next to each other, `or` between alternatives, `-` before a word not wanted. '
        "Words are taken as they are written: no stemming in any language.",
        examples=['refund "credit card"'],
    ),
]
Flag = Annotated[
    list[str],
    Query(
        max_length=_MOST,
        description="Only with one of these flags: a reason, or the beginning of several.",
        examples=["filter.refusal"],
    ),
]
Reviewed = Annotated[
    list[ReviewVerdict],
    Query(max_length=3, description="Only those whose latest review says one of these."),
]
Where = Annotated[
    str | None,
    Query(
        max_length=10_000,
        description="Only those whose fields fit: conditions by field, as JSON.",
        examples=['{"score": {"min": 4}}'],
    ),
]
Reason = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=200,
        description="A reason, or a stage such as `parse` for all of its reasons.",
        examples=["filter.length.too_short"],
    ),
]
AtLeast = Annotated[
    float | None,
    Query(
        allow_inf_nan=False,
        description="Only those whose measured `value` is a number, and at least this.",
    ),
]
AtMost = Annotated[
    float | None,
    Query(
        allow_inf_nan=False,
        description="Only those whose measured `value` is a number, and at most this.",
    ),
]


def _records(
    job: Job = [],  # noqa: B006  (FastAPI copies it)
    template: Template = [],  # noqa: B006
    teacher: Teacher = [],  # noqa: B006
    created_after: After = None,
    created_before: Before = None,
    q: Search = None,
    flag: Flag = [],  # noqa: B006
    review: Reviewed = [],  # noqa: B006
    where: Where = None,
) -> RecordSelection:
    return _read(
        RecordSelection,
        jobs=job,
        templates=template,
        teachers=teacher,
        created_after=created_after,
        created_before=created_before,
        q=q,
        flags={"only": flag},
        reviews={"only": review},
        where={} if where is None else _conditions(where),
    )


def _rejects(
    job: Job = [],  # noqa: B006
    template: Template = [],  # noqa: B006
    teacher: Teacher = [],  # noqa: B006
    created_after: After = None,
    created_before: Before = None,
    q: Search = None,
    reason: Reason = None,
    min_value: AtLeast = None,
    max_value: AtMost = None,
) -> RejectSelection:
    return _read(
        RejectSelection,
        jobs=job,
        templates=template,
        teachers=teacher,
        created_after=created_after,
        created_before=created_before,
        q=q,
        reason=reason,
        min_value=min_value,
        max_value=max_value,
    )


def _own_records(
    created_after: After = None,
    created_before: Before = None,
    q: Search = None,
    flag: Flag = [],  # noqa: B006
    review: Reviewed = [],  # noqa: B006
    where: Where = None,
) -> RecordSelection:
    return _records([], [], [], created_after, created_before, q, flag, review, where)


def _own_rejects(
    created_after: After = None,
    created_before: Before = None,
    q: Search = None,
    reason: Reason = None,
    min_value: AtLeast = None,
    max_value: AtMost = None,
) -> RejectSelection:
    return _read(
        RejectSelection,
        created_after=created_after,
        created_before=created_before,
        q=q,
        reason=reason,
        min_value=min_value,
        max_value=max_value,
    )


def _read(kind: type[Selected], **values: Any) -> Selected:
    try:
        return kind(**values)
    except ValidationError as wrong:
        errors = [_named(error) for error in field_errors(list(wrong.errors()), ("query",))]
        raise Invalid(
            "request.invalid", f"{errors[0].field}: {errors[0].problem}", errors=errors
        ) from wrong


def _conditions(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Invalid.at("query.where", "should be JSON: conditions by field", text) from None


def _named(error: FieldError) -> FieldError:
    """`query.templates.0` is the first `query.template`."""
    where, _, rest = error.field.partition(".")
    name = rest.partition(".")[0]
    if name in {"flags", "reviews", "where"}:
        return FieldError(f"{where}.{name.removesuffix('s')}", error.problem, error.value)
    singular = name.removesuffix("s") if name in {"jobs", "templates", "teachers"} else rest
    return FieldError(f"{where}.{singular}" if singular else where, error.problem, error.value)


RecordsQuery = Annotated[RecordSelection, Depends(_records)]
RejectsQuery = Annotated[RejectSelection, Depends(_rejects)]
OwnRecordsQuery = Annotated[RecordSelection, Depends(_own_records)]
"""For one job: its arms fix templates and teachers."""
OwnRejectsQuery = Annotated[RejectSelection, Depends(_own_rejects)]
