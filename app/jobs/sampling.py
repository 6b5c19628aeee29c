"""How a teacher is asked to sample: as a template says, but for what a document says otherwise."""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ValidationError

from app.errors import Invalid
from app.prompts.template import Template
from app.teachers.models import Teacher
from app.teachers.sampling import Sampling


def sampling_of(
    given: Sampling | None, template: Template, teacher: Teacher, at: Callable[[str], str]
) -> Sampling:
    """Everything written out. `at` says where the document has a part of it, such as `sampling/n`.
    Raises `Invalid` for what the teacher is known not to do.
    """
    said = given.model_dump(exclude_unset=True) if given else {}
    try:
        sampling = Sampling.model_validate({**template.sampling, **said})
    except ValidationError as error:  # each of the two is right by itself
        raise Invalid.at(
            at("sampling"),
            f"should go with what the template says: {error.errors()[0]['msg']}",
            {**template.sampling, **said},
        ) from error
    for field, problem, value in _beyond(sampling, teacher):
        raise Invalid.at(at(f"sampling/{field}"), problem, value)
    return sampling


def _beyond(sampling: Sampling, teacher: Teacher) -> Iterator[tuple[str, str, Any]]:
    """What this teacher is known not to do."""
    able = teacher.known_capabilities
    if able is None:
        return
    if able.context_length is not None and sampling.max_tokens >= able.context_length:
        most = f"should be below {able.context_length}, the teacher's context length"
        yield "max_tokens", most, sampling.max_tokens
    if sampling.n > 1 and not able.n:
        yield "n", "should be 1: this teacher gives one sample to a request", sampling.n
    if sampling.random_seed is not None and not able.random_seed:
        why = "should be left out: this teacher is registered without random_seed"
        yield "random_seed", why, sampling.random_seed
    if sampling.wants_logprobs and not able.logprobs:
        field = "logprobs" if sampling.top_logprobs is None else "top_logprobs"
        yield field, "should be left out: this teacher gives none", getattr(sampling, field)
    elif (sampling.top_logprobs or 0) > (able.max_logprobs or 0) and able.max_logprobs is not None:
        most = f"should be at most {able.max_logprobs}, what this teacher gives"
        yield "top_logprobs", most, sampling.top_logprobs
