import re

from app import errors
from app.errors import AppError
from app.teachers import failures
from app.teachers.failures import TeacherFailure
from tests.docs.pages import DOCS, code, rows
from tests.docs.raised import APP, codes, is_one_of

PAGE = DOCS / "errors.md"
ERRORS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, AppError)
}
FAILURES = {
    name: kind
    for name, kind in vars(failures).items()
    if isinstance(kind, type) and issubclass(kind, TeacherFailure)
}
IN_A_WORKER = {"Unanswered"}
"""An item that was given up, with the reason that its samples fail for."""
IN_A_RENDERER = {"Refusal"}
"""Becomes an `Invalid` outside the worker process."""


def test_every_error_code_is_listed_and_every_listed_one_can_be_raised() -> None:
    raised = codes({*ERRORS, *IN_A_RENDERER}) | {"request.invalid": {"Invalid"}}
    listed = [code(row[0]) for row in rows(PAGE, "code")]
    assert len(set(listed)) == len(listed)
    assert not [known for known in raised if not _covered(known, listed)]
    assert not [said for said in listed if not is_one_of(said, raised)]


def test_every_code_has_its_status_and_a_meaning() -> None:
    raised = codes(ERRORS)
    for said, status, meaning in rows(PAGE, "code"):
        kinds = [
            ERRORS[kind]
            for known, kinds in raised.items()
            if is_one_of(code(said), [known])
            for kind in kinds
        ]
        fixed = {str(kind.status) for kind in kinds if kind is not AppError}
        assert not fixed or fixed == {part.strip() for part in status.split(",")}, said
        assert meaning, said


def test_every_reason_for_a_failed_sample_is_listed_and_no_other() -> None:
    in_sql = re.findall(r"'failed', '([a-z.]+)'", (APP / "jobs/abandon.py").read_text())
    raised = {*codes({*FAILURES, *IN_A_WORKER}), *in_sql}
    listed = [code(row[0]) for row in rows(PAGE, "reason")]
    assert len(set(listed)) == len(listed)
    assert not [known for known in raised if not _covered(known, listed)]
    assert not [said for said in listed if not is_one_of(said, raised)]


def test_every_reason_stands_beside_its_kind() -> None:
    raised = codes(FAILURES)
    for said, kinds, _ in rows(PAGE, "reason"):
        known = {kind for pattern, ks in raised.items() if code(said) == pattern for kind in ks}
        if known:
            assert {code(kind) for kind in kinds.split(", ")} == known, said


def _covered(known: str, listed: list[str]) -> bool:
    return known in listed or any(is_one_of(said, [known]) for said in listed)
