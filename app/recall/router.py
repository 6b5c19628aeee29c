"""Recall over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.auth.dependency import CallerDep
from app.datasets.serving import ReceiptsDep
from app.errors import Invalid
from app.names import Ref
from app.recall.schemas import RecallView
from app.recall.trace import Suspect, recall
from app.web.route import Route, SessionDep, needs

router = APIRouter(prefix="/v1/recall", tags=["recall"], route_class=Route)

Named = Annotated[str | None, Query(max_length=150, examples=["support/faq@3"])]


@router.get("")
@needs("publish")
async def trace_recall(
    session: SessionDep,
    caller: CallerDep,
    receipts: ReceiptsDep,
    template: Named = None,
    few_shot: Named = None,
    seed: Annotated[str | None, Query(max_length=150, description="A seed dataset.")] = None,
    teacher: Annotated[str | None, Query(max_length=150, examples=["local"])] = None,
    job: UUID | None = None,
) -> RecallView:
    """Where something bad went: name one template, few-shot set, seed dataset (a version of it, or
    all), teacher or job. The answer is its records by corpus, every dataset version that has rows
    of it, and who pulled these.
    """
    named = {"template": template, "few_shot": few_shot, "seed": seed, "teacher": teacher}
    suspects = [Suspect(kind, _ref(kind, name)) for kind, name in named.items() if name is not None]
    if job is not None:
        suspects.append(Suspect("job", job))
    if len(suspects) != 1:
        kinds = ", ".join([*named, "job"])
        raise Invalid.at("query", f"should name exactly one of {kinds}", len(suspects))
    await receipts.write()
    return await recall(session, suspects[0])


def _ref(kind: str, name: str) -> Ref:
    try:
        return Ref.parse(name)
    except ValueError as error:
        raise Invalid.at(f"query.{kind}", str(error), name) from None
