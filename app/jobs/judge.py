"""A job's judge, as a worker or a preview asks it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.corpus.candidate import Place
from app.corpus.judgements import Judged
from app.curation.judge import JudgeSpec
from app.curation.rubric import Rubric, Score
from app.curation.verdict import Record
from app.digest import canonical, short
from app.errors import Invalid
from app.jobs.ask import Asker
from app.prompts import store as prompts
from app.prompts.cell import Refusal
from app.prompts.prompt import Prompt
from app.prompts.sandbox import RenderPool
from app.teachers import store as teachers
from app.teachers.clients import Clients
from app.teachers.completion import Completion
from app.teachers.gate import Party
from app.teachers.models import Teacher
from app.teachers.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Judge:
    rubric: Rubric
    teacher: Teacher
    salt: bytes
    """Stands for all of a question but its prompt."""
    party: Party = field(default_factory=Party)
    """The job's records before it, as its gate sees them."""

    @classmethod
    def of(cls, rubric: Rubric, teacher: Teacher) -> "Judge":
        asked = [str(teacher.id), rubric.spec.model_dump(mode="json", exclude={"min"})]
        return cls(rubric, teacher, canonical(asked))

    @property
    def id(self) -> UUID:
        return self.teacher.id

    async def current(self, session: AsyncSession) -> "Judge":
        """The same, with what its teacher's registration says now."""
        return replace(self, teacher=await teachers.by_id(session, self.id))

    def asker(self, clients: Clients, deadline: float) -> Asker:
        template = self.rubric.template
        return Asker(
            client=clients.of(self.teacher),
            sampling=self.rubric.spec.sampling or Sampling(),
            schema=template.response if template.format == "json" else None,
            deadline=deadline,
            party=self.party,
        )

    async def prompts(self, pool: RenderPool, records: Sequence[Record]) -> list[Prompt | Refusal]:
        """What it is asked about each record, or why it cannot be."""
        shown = [self.rubric.inputs(record) for record in records]
        try:
            return await pool.render(self.rubric.template.source, (), shown)
        except Invalid as error:  # the rubric is wrong for every record
            return [Refusal.of(error)] * len(shown)

    def question(self, prompt: Prompt) -> bytes:
        """Equal for the same question, whoever asks: 16 bytes."""
        return short(self.salt + prompt.digest)

    def heard(self, place: Place, prompt: Prompt, completion: Completion) -> Judged:
        score = self.rubric.read(completion)
        return Judged(
            place=place,
            question=self.question(prompt),
            content=completion.content.encode("utf-8", "surrogatepass"),
            score=score.value,
            detail=score.detail,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
        )


def lost(reason: str) -> str:
    """The reason of a record that could not be scored: why its judge gave no answer."""
    return f"judge.{reason.removeprefix('teacher.')}"


def unasked(refusal: Refusal) -> Score:
    """What a record is worth that the rubric cannot show."""
    return Score(None, f"the rubric could not be rendered: {refusal.raised().detail}"[:400])


async def read_judge(session: AsyncSession, spec: JudgeSpec | None) -> Judge | None:
    """The judge of a resolved document: its rubric names a version."""
    if spec is None:
        return None
    version = await prompts.resolve_template(session, spec.template)
    return Judge.of(Rubric.of(spec, version.template), await teachers.get(session, spec.teacher))
