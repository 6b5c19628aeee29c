"""What the arms of one job must have in common, and how the resolved document writes them."""

from collections.abc import Sequence
from typing import Any

from app.errors import Invalid
from app.jobs.arm_spec import ArmSpec
from app.jobs.arms import ResolvedArm, names_of
from app.jobs.columns import listed
from app.jobs.schemas import JobSpec
from app.names import Ref


def check_arms(spec: JobSpec) -> None:
    """Raises `Invalid` for a document that is wrong whatever its names stand for."""
    if spec.compare is not None:
        _check_comparison(spec)
    if isinstance(spec.teacher, Ref):
        return
    names = [share.name for share in spec.teacher]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise Invalid.at(
                f"/teacher/{number}/name", "should be named once, with its whole weight", str(name)
            )


def _check_comparison(spec: JobSpec) -> None:
    assert spec.compare is not None
    if not isinstance(spec.teacher, Ref):
        raise Invalid.at(
            "/teacher",
            "should be one name in a comparison: an arm may name another",
            [str(share.name) for share in spec.teacher],
        )
    if spec.num_records is not None:
        raise Invalid.at(
            "/num_records",
            "should be left out of a comparison: compare.rows says how many rows each arm is "
            "asked about",
            spec.num_records,
        )
    if spec.limits.min_novelty is not None:
        raise Invalid.at(
            "/limits/min_novelty",
            "should be left out of a comparison: its arms are asked about the very same rows",
            spec.limits.min_novelty,
        )
    said = [arm.name for arm in spec.compare.arms]
    for number, name in enumerate(said):
        if name is not None and name in said[:number]:
            raise Invalid.at(f"/compare/arms/{number}/name", "should be no other arm's", name)


def check_alike(arms: Sequence[ResolvedArm]) -> None:
    """Raises `Invalid` where what they make cannot land in one corpus, or not on equal terms."""
    first = arms[0]
    for each in arms[1:]:
        if each.columns != first.columns:
            raise Invalid.at(
                each.arm.at("template"),
                f"should make records with the fields of the first arm, {listed(first.columns)}; "
                f"it makes {listed(each.columns)}",
                str(each.template.ref),
            )
        if each.samples != first.samples:
            raise Invalid.at(
                each.arm.at("sampling/n"),
                f"should be {first.samples} as in the first arm: a row has as many samples in each",
                each.samples,
            )


def pinned_arms(spec: JobSpec, arms: Sequence[ResolvedArm], rows: int) -> dict[str, Any]:
    """What the resolved document says of its arms."""
    first = arms[0].arm.spec
    pinned = {key: getattr(first, key) for key in ("template", "few_shot", "sampling")}
    if spec.compare is None:
        return pinned
    named = zip(names_of([each.arm for each in arms]), arms, strict=True)
    written = tuple(_written(name, each) for name, each in named)
    return pinned | {
        "teacher": arms[0].arm.teacher,
        "compare": spec.compare.model_copy(update={"arms": written, "rows": rows}),
    }


def _written(name: str, each: ResolvedArm) -> ArmSpec:
    spec = each.arm.spec
    return ArmSpec(
        name=name,
        template=spec.template,
        teacher=each.arm.teacher,
        few_shot=spec.few_shot,
        sampling=spec.sampling,
    )
