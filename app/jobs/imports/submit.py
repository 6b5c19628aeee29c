"""A file taken into a corpus: its rows become stored replies, and a job decides on them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus import intake, shadow
from app.corpus import store as corpora
from app.corpus.models import Corpus
from app.curation.accept import AcceptSpec
from app.digest import digest
from app.errors import Invalid
from app.evaluations.pin import pinned
from app.jobs import deal, tickets
from app.jobs.columns import check_columns, policy_of
from app.jobs.documents import ImportSpec, Source
from app.jobs.imports.arrival import Arrival
from app.jobs.imports.wishes import Wishes
from app.jobs.judges import resolve_judge
from app.jobs.models import Job
from app.jobs.plan import stored_per_chunk
from app.names import Ref

_BLOCK = 1024 * 1024


async def submit_import(session: AsyncSession, ref: Ref, arrival: Arrival, wishes: Wishes) -> Job:
    """Store the rows and queue the job, all or nothing. A corpus that is not there is made; one
    without columns takes those of the file.

    Raises `Invalid` where its columns are others, and `Conflict` while it is being rebuilt.
    """
    corpus = await corpora.find(session, ref)
    accept = (wishes.accept or AcceptSpec()).resolved("json")
    against = await pinned(session, ref.namespace, accept.decontaminate, "query.accept")
    columns = _columns(corpus, arrival)
    judge = await resolve_judge(session, accept.judge, columns, "query.accept/judge")
    changes = {"decontaminate": against, "judge": judge and judge.spec}
    accept = accept.model_copy(update=changes)
    spec = _resolve(ref, corpus, arrival, wishes, accept)
    corpus, _ = await corpora.get_or_create(session, ref, spec.dedup)
    await shadow.require_open(session, corpus.id)
    if not await corpora.settle(session, corpus.id, columns, spec.dedup):
        # Another job settled its shape since: say so as if it had been there all along.
        await session.refresh(corpus)
        check_columns(corpus, columns)
        _resolve(ref, corpus, arrival, wishes, accept)
    document = spec.model_dump(mode="json")
    rows = arrival.spool.rows
    job = Job(
        kind="import",
        namespace=corpus.namespace,
        document=document,
        digest=digest(document),
        corpus_id=corpus.id,
        num_records=rows,
        max_candidates=rows,
        samples_per_item=1,
    )
    session.add(job)
    await session.flush()
    if judge is not None:
        session.add(judge.row(job.id))
    await intake.copy(session, job.id, corpus.id, arrival.spool.blocks(_BLOCK))
    await deal.plan(session, job, first_row=0, rows=rows, per_chunk=stored_per_chunk(rows))
    await tickets.issue_stored(session)
    return job


def _resolve(
    ref: Ref, corpus: Corpus | None, arrival: Arrival, wishes: Wishes, accept: AcceptSpec
) -> ImportSpec:
    columns = _columns(corpus, arrival)
    if wishes.accept is not None:
        wishes.accept.check(columns, at="query.accept")
    schema = _schema(columns)
    return ImportSpec(
        corpus=ref,
        source=Source(
            file=wishes.file, sha256=arrival.sha256, format=arrival.form, rows=arrival.spool.rows
        ),
        columns=dict(arrival.columns),
        response=schema,
        accept=accept,
        dedup=policy_of(wishes.dedup, corpus, tuple(columns), (), schema, "query.dedup"),
    )


def _columns(corpus: Corpus | None, arrival: Arrival) -> dict[str, str]:
    """The corpus's own, where the file has the same; a value of another type is a reject."""
    if corpus is None or corpus.columns is None:
        return dict(arrival.kinds)
    if corpus.columns.keys() != arrival.kinds.keys():
        raise Invalid.at(
            "query.columns",
            f"should lead to the fields of {corpus.namespace}/{corpus.name}, which are "
            f"{', '.join(sorted(corpus.columns))}; the file gives "
            f"{', '.join(sorted(arrival.kinds))}",
            hint='Say where columns go: columns={"instruction": "question", "output": "answer"}.',
        )
    return dict(corpus.columns)


def _schema(columns: Mapping[str, str]) -> dict[str, Any]:
    """Every row has every column already, so none is required: a blank one may stand."""
    return {
        "type": "object",
        "properties": {
            name: {} if kind == "any" else {"type": kind} for name, kind in columns.items()
        },
        "additionalProperties": False,
    }
