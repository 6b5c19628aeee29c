"""What all jobs of a corpus agree on: its columns, and what makes two of its records the same."""

from collections.abc import Collection
from typing import Any

from app.corpus.models import Corpus
from app.curation.novelty import DedupSpec
from app.errors import Invalid


def columns_of(inputs: dict[str, Any], response: dict[str, Any]) -> dict[str, str]:
    """JSON type by field of the records that are made of these inputs and replies, by schema."""
    properties = {**inputs.get("properties", {}), **response.get("properties", {})}
    return {name: _type(schema) for name, schema in properties.items()}


def check_columns(corpus: Corpus | None, columns: dict[str, str]) -> None:
    """Raises `Invalid` where the corpus has others."""
    if corpus is None or corpus.columns is None or corpus.columns == columns:
        return
    raise Invalid.at(
        "/corpus",
        f"should be a corpus of records with the fields {listed(columns)}; the records of "
        f"{corpus.namespace}/{corpus.name} have {listed(corpus.columns)}",
        f"{corpus.namespace}/{corpus.name}",
        hint="A corpus has one record schema; give another corpus for another kind of record.",
    )


def policy_of(
    asked: DedupSpec | None,
    corpus: Corpus | None,
    on: Collection[str],
    inputs: Collection[str],
    response: dict[str, Any],
    at: str = "/dedup",
) -> DedupSpec:
    """The corpus's policy; what it leaves open is the job's to say, then the template's (`on`).

    Raises `Invalid` where the job asks for another policy than the corpus has.
    """
    own = DedupSpec() if corpus is None else DedupSpec.model_validate(corpus.dedup)
    wanted = (asked or DedupSpec()).over(own)
    if corpus is not None and not own.agrees(wanted):
        raise Invalid.at(
            at,
            f"should agree with the dedup policy of {corpus.namespace}/{corpus.name}, which is "
            f"{corpus.dedup}",
            wanted.model_dump(mode="json", exclude_none=True),
            hint="A corpus has one policy for all of its records; give another corpus.",
        )
    return wanted.resolved(on, inputs, response, at)


def _type(schema: Any) -> str:
    kind = schema.get("type") if isinstance(schema, dict) else None
    if isinstance(kind, str):
        return kind
    values = schema.get("enum") if isinstance(schema, dict) else None
    is_text = isinstance(values, list) and all(isinstance(v, str) for v in values)
    return "string" if is_text else "any"


def listed(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in sorted(columns.items()))
