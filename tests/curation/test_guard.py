"""Whatever a filter does, its sample gets a finding that can be stored."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from app.curation.chain import Chain, Curated
from app.curation.filter import Filter, filters
from app.curation.funnel import Stage
from app.curation.guard import judged
from app.curation.parsers import Json
from app.curation.response import Response
from app.curation.sample import Sample
from app.curation.text import problem
from app.curation.verdict import Change, Flag, Verdict
from app.teachers.completion import Completion


class Odd(Filter, frozen=True):
    """Somebody's filter, with a slip."""

    plugin_name: ClassVar[str] = "odd"
    does: ClassVar[Callable[[dict[str, Any]], Any]]

    def __call__(self, sample: Sample) -> Any:
        return type(self).does(sample.record)


@pytest.fixture
def odd() -> Iterator[type[Odd]]:
    yield Odd
    del Odd.does


def raises(error: BaseException) -> Callable[[Any], Any]:
    def fail(record: Any) -> Any:
        raise error

    return fail


def deeper(record: Any) -> Any:
    return deeper(record)


NOTE = Flag("filter.odd")
SLIPS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "raises": (raises(KeyError("\x00\ud800 secret")), "KeyError"),
    "raises an assertion": (raises(AssertionError()), "AssertionError"),
    "recurses": (deeper, "RecursionError"),
    "answers yes": (lambda record: True, "answered bool"),
    "answers a reason": (lambda record: "filter.odd", "answered str"),
    "takes another's reason": (lambda record: Verdict("dedup.exact"), "'dedup.exact'"),
    "takes a reason like its own": (lambda record: Verdict("filter.oddly"), "'filter.oddly'"),
    "makes up a stage": (lambda record: Verdict("nonsense"), "'nonsense'"),
    "measures a set": (lambda record: Verdict("filter.odd", {1}), "not JSON"),
    "measures more than 64 bits": (lambda record: Verdict("filter.odd", 2**70), "not JSON"),
    "measures NaN": (lambda record: Verdict("filter.odd", float("nan")), "text.not_finite"),
    "shows poison": (lambda record: Flag("filter.odd", None, None, "\x00"), "text.nul"),
    "loses a field": (lambda record: Change({"a": "x"}, NOTE), "which fields there are"),
    "adds a field": (lambda record: Change({**record, "c": 1}, NOTE), "which fields there are"),
    "changes a type": (lambda record: Change({**record, "a": 1}, NOTE), "the type of a"),
    "writes poison": (lambda record: Change({**record, "a": "\ud800"}, NOTE), "text.surrogate"),
    "loses the record": (lambda record: Change(None, NOTE), "which fields"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_filter_that_fails_costs_its_sample_only_and_says_how(odd: type[Odd], slip: str) -> None:
    odd.does, said = SLIPS[slip]
    verdict = judged(odd(), Sample({"a": "x", "b": 2}))

    assert isinstance(verdict, Verdict)
    assert verdict.reason == "filter.odd.error"
    assert said in str(verdict.value)
    assert problem([verdict.value, verdict.detail]) is None


def test_nobody_is_kept_from_stopping_the_program(odd: type[Odd]) -> None:
    odd.does = raises(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        judged(odd(), Sample({}))


def test_a_changed_record_is_what_later_filters_and_the_digest_see(odd: type[Odd]) -> None:
    odd.does = lambda record: Change({**record, "answer": "masked"}, NOTE)
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    equals = filters.read({"name": "equals", "field": "answer", "value": "masked"})

    def curate(*chosen: Filter) -> Curated:
        made = Chain(parser=Json(), filters=chosen, response=Response.of(schema), dedup=None)
        return made.curate(Completion('{"answer": "Ada"}', "stop"), {})

    changed = curate(odd(), equals)
    assert (changed.record, changed.flags) == ({"answer": "masked"}, (NOTE,))
    assert changed.reached is Stage.FILTERED
    assert changed.digest != curate().digest
    dropped = curate(equals, odd()).verdict
    assert dropped is not None
    assert dropped.reason == "filter.equals"
