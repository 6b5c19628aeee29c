"""The same job again: the resolved document of an earlier one, with changes laid over it."""

from typing import Any

from pydantic import ValidationError

from app.errors import Conflict, Invalid
from app.jobs.models import Job
from app.jobs.schemas import JobSpec
from app.web.problems import field_errors


def cloned(job: Job, changes: dict[str, Any]) -> JobSpec:
    """Its document, to be submitted anew. Every version that was pinned stays so, unless `changes`
    says otherwise.

    Raises `Conflict` for a job that asks nobody, and `Invalid` where the result is no document.
    """
    if job.kind != "generate":
        raise Conflict(
            "job.not_cloned",
            f"job {job.id} decides on stored replies",
            hint="POST /v1/jobs/reprocess takes its document.",
        )
    try:
        return JobSpec.model_validate(merged(job.document, changes))
    except ValidationError as wrong:
        errors = list(field_errors(list(wrong.errors()), ("body", "changes")))[:20]
        first = errors[0]
        raise Invalid(
            "request.invalid", f"{first.field}: {first.problem}", errors=errors
        ) from wrong


def merged(document: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
