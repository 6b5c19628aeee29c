"""The arms of a job: one for each teacher that shares its rows, or for each way to ask that is
compared. Nearly every job has one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.jobs.arm_spec import LONGEST_NAME, ArmSpec, TeacherShare
from app.jobs.schemas import JobSpec
from app.names import Ref
from app.prompts.version import TemplateVersion
from app.teachers.models import Teacher
from app.teachers.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Arm:
    number: int
    spec: JobSpec
    """The document of a job that would have this arm alone."""
    teacher: Ref
    weight: float = 1.0
    name: str | None = None
    """As the document has it."""
    where: str = ""
    """What all of it is said under, in a comparison."""
    shared: bool = False
    """Whether its teacher is one of several in a list."""

    def at(self, part: str) -> str:
        """Where the document says this of the arm: `/template`, `/compare/arms/1/template`."""
        if part == "teacher" and self.shared:
            return f"/teacher/{self.number}/name"
        key = part.partition("/")[0]
        return f"{self.where}/{part}" if self.where and key in self._own else f"/{part}"

    @property
    def _own(self) -> frozenset[str]:
        if self.spec.compare is None:
            return frozenset()
        return frozenset(self.spec.compare.arms[self.number].model_fields_set)

    @property
    def alone(self) -> JobSpec:
        return self.spec.model_copy(update={"compare": None})


@dataclass(frozen=True, slots=True)
class ResolvedArm:
    """Who is asked, and by what."""

    arm: Arm
    """With the document of this arm alone: every reference with its version."""
    teacher: Teacher
    template: TemplateVersion
    few_shot_version_id: UUID | None
    columns: dict[str, str]

    @property
    def samples(self) -> int:
        """Of each item."""
        return self.arm.spec.sampling.n if self.arm.spec.sampling else 1


def arms_of(spec: JobSpec) -> list[Arm]:
    if spec.compare is not None:
        return [_compared(spec, number, arm) for number, arm in enumerate(spec.compare.arms)]
    if isinstance(spec.teacher, Ref):
        return [Arm(0, spec, spec.teacher)]
    return [_sharing(spec, number, share) for number, share in enumerate(spec.teacher)]


def arm_alone(spec: JobSpec, number: int) -> JobSpec:
    """The document of a job that would have this arm alone."""
    return arms_of(spec)[number].alone


def _sharing(spec: JobSpec, number: int, share: TeacherShare) -> Arm:
    alone = spec.model_copy(update={"teacher": share.name})
    return Arm(number, alone, share.name, weight=share.weight, shared=True)


def _compared(spec: JobSpec, number: int, arm: ArmSpec) -> Arm:
    said = arm.model_fields_set
    changes: dict[str, Any] = {
        key: getattr(arm, key)
        for key in ("teacher", "template", "few_shot")
        if key in said and (key == "few_shot" or getattr(arm, key) is not None)
    }
    if arm.sampling is not None:
        changes["sampling"] = _above(spec.sampling, arm.sampling)
    alone = spec.model_copy(update=changes)
    teacher = alone.teacher if isinstance(alone.teacher, Ref) else alone.teacher[0].name
    where = f"/compare/arms/{number}"
    return Arm(number, alone, teacher, name=arm.name, where=where)


def _above(given: Sampling | None, over: Sampling) -> Sampling:
    below = given.model_dump(exclude_unset=True) if given else {}
    return Sampling.model_validate(below | over.model_dump(exclude_unset=True))


def names_of(arms: Sequence[Arm]) -> list[str]:
    """What the arms are called: as the document says, or by what makes each differ from the
    others. No two are called the same.
    """
    differing = [", ".join(_differing(arms, arm)) for arm in arms]
    names: list[str] = []
    for arm, told in zip(arms, differing, strict=True):
        name = arm.name or told[:LONGEST_NAME] or f"arm {arm.number}"
        taken = name in names or (arm.name is None and differing.count(told) > 1)
        names.append(f"arm {arm.number}" if taken else name)
    return names


def _differing(arms: Sequence[Arm], arm: Arm) -> Iterator[str]:
    for told in (_template, _teacher, _few_shot):
        if len({told(each) for each in arms}) > 1:
            yield told(arm)
    asked = [_sampling(each) for each in arms]
    for key, value in _sampling(arm).items():
        if any(each.get(key) != value for each in asked):
            yield f"{key}={value}"


def _template(arm: Arm) -> str:
    return str(arm.spec.template)


def _teacher(arm: Arm) -> str:
    return str(arm.teacher)


def _few_shot(arm: Arm) -> str:
    shown = arm.spec.few_shot
    if shown is None:
        return "no examples"
    return f"{shown.set_}, {shown.k} shown" if shown.k else str(shown.set_)


def _sampling(arm: Arm) -> dict[str, object]:
    return arm.spec.sampling.model_dump(mode="json") if arm.spec.sampling else {}
