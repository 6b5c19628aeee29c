"""The scores that a job's judge gives to what a preview shows. Nothing is stored."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from app.curation.chain import Curated
from app.curation.rubric import Score
from app.curation.text import for_display
from app.curation.verdict import Verdict
from app.errors import Unavailable
from app.jobs.ask import PREVIEW_RANK, Asker, Unanswered
from app.jobs.judge import Judge, lost, unasked
from app.prompts.cell import Refusal
from app.prompts.prompt import Prompt
from app.prompts.sandbox import RenderPool
from app.teachers.clients import Clients
from app.teachers.failures import TeacherFailure
from app.teachers.gate import Party

DEADLINE = 120.0
"""Seconds for one request; a preview has no more in all."""


async def scored(
    judge: Judge, pool: RenderPool, clients: Clients, rows: Sequence[Sequence[Curated]], name: str
) -> list[list[Curated]]:
    """What was curated, row by row, as its judge leaves it. `name` begins the ids of its requests.
    Raises `Unavailable` where the judge is away.
    """
    judge = replace(judge, party=Party(rank=PREVIEW_RANK))
    records = [one.record or {} for row in rows for one in row if _waits(one)]
    prompts = await judge.prompts(pool, records)
    asker = judge.asker(clients, DEADLINE)
    asked = (
        _score(judge, asker, prompt, f"preview.{name}.judge.{number}")
        for number, prompt in enumerate(prompts)
    )
    try:
        scores = iter(await asyncio.gather(*asked))
    except TeacherFailure as failure:
        raise Unavailable(
            failure.reason, f"the judge {judge.teacher.ref} does not answer: {failure.message}"
        ) from failure
    return [
        [_weighed(judge, one, next(scores)) if _waits(one) else one for one in row] for row in rows
    ]


def _waits(one: Curated) -> bool:
    return one.verdict is None


async def _score(
    judge: Judge, asker: Asker, prompt: Prompt | Refusal, request_id: str
) -> Score | Unanswered:
    if isinstance(prompt, Refusal):
        return unasked(prompt)
    result = await asker.ask(prompt, request_id)
    if isinstance(result, Unanswered):
        return result
    return judge.rubric.read(result.completions[0])


def _weighed(judge: Judge, curated: Curated, score: Score | Unanswered) -> Curated:
    found = (
        Verdict(lost(score.reason), None, None, for_display(score.detail))
        if isinstance(score, Unanswered)
        else judge.rubric.weigh(score)
    )
    if isinstance(found, Verdict):
        return curated._replace(verdict=found, digest=None)
    return curated._replace(flags=(*curated.flags, found))
