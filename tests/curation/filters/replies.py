"""What the tests of filters judge."""

from app.curation.filter import Filter
from app.curation.response import Response
from app.curation.sample import Sample
from app.curation.verdict import Change, Finding, Flag, Verdict

SCHEMA = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
    "required": ["question", "answer"],
}
ANSWER = (
    "Most of the tea that Europe drank came by sea, and the fastest ship of the year sold first."
)


def judge(filter_: Filter, answer: object) -> Finding | None:
    """What the filter says of a reply with this answer."""
    return filter_.bound(Response.of(SCHEMA))(Sample({"question": "Why?", "answer": answer}))


def noted(finding: Finding | None) -> Verdict | Flag | None:
    """A finding of a filter that changes nothing."""
    assert not isinstance(finding, Change)
    return finding
