"""`limbeck corpus`: what corpora hold, and what they refused and why."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from app import shell
from app.names import Ref

commands = typer.Typer(
    name="corpus", help="Look through what was made, kept or not.", no_args_is_help=True
)

NameArgument = Annotated[str, typer.Argument(help="name or namespace/name")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="How many at most.")]
Job = Annotated[list[str] | None, typer.Option(help="Only of this job; may be repeated.")]
Template = Annotated[
    list[str] | None, typer.Option(help="Only of this template, or name@version of it.")
]
Teacher = Annotated[list[str] | None, typer.Option(help="Only of jobs that asked this teacher.")]
After = Annotated[str | None, typer.Option(help="Only from this moment on: 2026-11-21T00:00:00Z.")]
Before = Annotated[str | None, typer.Option(help="Only before this moment.")]
Search = Annotated[
    str | None,
    typer.Option("--search", "-q", help='Words it has; "in quotes", or between, - before one.'),
]
Flag = Annotated[
    list[str] | None, typer.Option(help="Only with this flag, such as filter.refusal.")
]
Reviewed = Annotated[
    list[str] | None,
    typer.Option(help="Only those whose latest review is approved, rejected or needs_work."),
]
Where = Annotated[
    str | None, typer.Option(help='Conditions by field, as JSON: {"score": {"min": 4}}.')
]
Cursor = Annotated[str | None, typer.Option(help="The `next` of the page before.")]

_CORPUS = ("namespace", "name", "records", "rejects", "deleted", "created_at")


@commands.command("list")
def list_(
    namespace: Annotated[str | None, typer.Option(help="Only of this namespace.")] = None,
    limit: Limit = 50,
    as_json: shell.Json = False,
) -> None:
    """Corpora, oldest first."""
    with shell.client() as api:
        page = _page(api.get("/v1/corpora", params=_given(namespace=namespace, limit=limit)))
    shell.show(page, as_json=as_json, columns=("namespace", "name", "created_at"))


@commands.command()
def get(name: NameArgument, as_json: shell.Json = False) -> None:
    """One corpus, with how much it holds."""
    with shell.client() as api:
        shell.show(shell.check(api.get(at(name))), as_json=as_json, columns=_CORPUS)


@commands.command()
def records(
    name: NameArgument,
    job: Job = None,
    template: Template = None,
    teacher: Teacher = None,
    created_after: After = None,
    created_before: Before = None,
    search: Search = None,
    flag: Flag = None,
    review: Reviewed = None,
    where: Where = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: shell.Json = False,
) -> None:
    """Records, oldest first: all of them, or those that fit every option."""
    asked = _given(
        job=job,
        template=template,
        teacher=teacher,
        created_after=created_after,
        created_before=created_before,
        q=search,
        flag=flag,
        review=review,
        where=where,
        limit=limit,
        cursor=cursor,
    )
    with shell.client() as api:
        page = _page(api.get(f"{at(name)}/records", params=asked))
    _show(page, ("id", "created_at", "fields"), as_json=as_json)


@commands.command()
def rejects(
    name: NameArgument,
    reason: Annotated[
        str | None, typer.Option(help="A reason, or a stage such as `parse`.")
    ] = None,
    min_value: Annotated[float | None, typer.Option(help="Measured: at least this.")] = None,
    max_value: Annotated[float | None, typer.Option(help="Measured: at most this.")] = None,
    job: Job = None,
    template: Template = None,
    teacher: Teacher = None,
    created_after: After = None,
    created_before: Before = None,
    search: Search = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: shell.Json = False,
) -> None:
    """What was refused, oldest first, and why."""
    asked = _given(
        reason=reason,
        min_value=min_value,
        max_value=max_value,
        job=job,
        template=template,
        teacher=teacher,
        created_after=created_after,
        created_before=created_before,
        q=search,
        limit=limit,
        cursor=cursor,
    )
    with shell.client() as api:
        page = _page(api.get(f"{at(name)}/rejects", params=asked))
    _show(page, ("id", "reason", "value", "threshold", "fields"), as_json=as_json)


@commands.command()
def show(
    name: NameArgument,
    identity: Annotated[str, typer.Argument(metavar="ID", help="Of a record or of a reject.")],
    as_json: shell.Json = False,
) -> None:
    """One record or reject: what it says, where it comes from, and what the teacher was asked."""
    with shell.client() as api:
        answer = api.get(f"{at(name)}/records/{identity}")
        if answer.status_code == 404:  # noqa: PLR2004
            answer = api.get(f"{at(name)}/rejects/{identity}")
        found = shell.check(answer)
    if as_json:
        shell.show(found, as_json=True)
        return
    _tell(found)


@commands.command()
def neighbours(
    name: NameArgument,
    text: Annotated[str | None, typer.Argument(help="What to find the like of.")] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="name=value instead: where the corpus compares within equal fields."),
    ] = None,
    min_similarity: Annotated[float, typer.Option(min=0, max=1, help="At least so alike.")] = 0.5,
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many at most.")] = 10,
    as_json: shell.Json = False,
) -> None:
    """The stored records most like a text, best first."""
    pairs = [one.partition("=") for one in field or []]
    fields = {key: value for key, _, value in pairs} if pairs else None
    body = _given(text=text, fields=fields, min_similarity=min_similarity, limit=limit)
    with shell.client() as api:
        found = _page(api.post(f"{at(name)}/neighbours", json=body))
    shell.show(found, as_json=as_json, columns=("similarity", "record.id", "record.fields"))


@commands.command("review")
def review_record(
    name: NameArgument,
    identity: Annotated[str, typer.Argument(metavar="ID", help="Of a record.")],
    verdict: Annotated[
        str | None,
        typer.Argument(help="approved, rejected or needs_work; without it, what was said so far."),
    ] = None,
    note: Annotated[str | None, typer.Option(help="Why.")] = None,
    reviewer: Annotated[str | None, typer.Option(help="Who says so; you, if not said.")] = None,
    as_json: shell.Json = False,
) -> None:
    """Say what a record is worth, or see what reviewers said; the latest verdict counts."""
    url = f"{at(name)}/records/{identity}/review"
    columns = ("created_at", "verdict", "reviewer", "note")
    with shell.client() as api:
        if verdict is None:
            found = _page(api.get(url))
        else:
            body = _given(verdict=verdict, note=note, reviewer=reviewer)
            found = shell.check(api.put(url, json=body))
    shell.show(found, as_json=as_json, columns=columns)


@commands.command()
def delete(
    name: NameArgument,
    reason: Annotated[str, typer.Option(help="Why, for those who ask later.")],
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="This record; may be repeated.")
    ] = None,
    job: Job = None,
    template: Template = None,
    teacher: Teacher = None,
    created_after: After = None,
    created_before: Before = None,
    search: Search = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    block: Annotated[
        bool, typer.Option("--block", help="Refuse what they said from now on.")
    ] = False,
    erase: Annotated[
        bool, typer.Option("--erase", help="Empty their raw replies and inputs too.")
    ] = False,
    as_json: shell.Json = False,
) -> None:
    """Delete the records that fit every option; published versions keep theirs."""
    selection = _given(
        ids=ids,
        jobs=job,
        templates=template,
        teachers=teacher,
        created_after=created_after,
        created_before=created_before,
        q=search,
    )
    body = {
        "selection": selection,
        "reason": reason,
        "dry_run": dry_run,
        "block": block,
        "erase": erase,
    }
    with shell.client() as api:
        made = shell.check(api.post(f"{at(name)}/deletions", json=body))
    shell.show(made, as_json=as_json, columns=("records", "dry_run", "reason", "id"))


@commands.command()
def deletions(
    name: NameArgument, limit: Limit = 50, cursor: Cursor = None, as_json: shell.Json = False
) -> None:
    """What was deleted, oldest first: how much, by whom and why."""
    with shell.client() as api:
        page = _page(api.get(f"{at(name)}/deletions", params=_given(limit=limit, cursor=cursor)))
    columns = ("created_at", "records", "caller", "reason", "selection")
    _show(page, columns, as_json=as_json)


def _tell(found: dict[str, Any]) -> None:
    if "reason" in found:
        shell.line("refused", verdict(found))
    for name, value in (found["fields"] or {}).items():
        shell.line(name, value)
    lineage, trace = found["lineage"], found["trace"]
    if found.get("winner"):
        shell.line("was there first", found["winner"]["id"])
    if lineage is None:
        return
    shell.out.rule("made from")
    for name in ("kind", "arm", "template", "inputs", "sampling", "file", "created_at"):
        shell.line(name, lineage[name])
    shell.line("job", lineage["reply"]["job_id"])
    shell.line("few-shot set", (lineage["few_shot"] or {}).get("set"))
    shell.line("seed", {k: v for k, v in (lineage["seed"] or {}).items() if v not in (None, {})})
    shell.line("teacher", {k: v for k, v in (lineage["teacher"] or {}).items() if v is not None})
    if trace["verified"] is not None:
        verified = "as it was sent" if trace["verified"] else "NOT as it was sent"
        shell.out.rule(f"prompt, {verified}")
    for message in trace["prompt"] or []:
        shell.line(message["role"], message["content"])
    shell.out.rule("reply")
    shell.out.print(trace["reply"]["content"], markup=False)


def verdict(found: dict[str, Any]) -> str:
    """What was found, the value that was measured, what it was held against, and what is to be
    said about it.
    """
    parts = [found["reason"]]
    if found["value"] is not None:
        parts.append(str(found["value"]))
    if found["threshold"] is not None:
        parts.append(f"(threshold {found['threshold']})")
    if found.get("detail"):
        parts.append(f"- {found['detail']}")
    return " ".join(parts)


def _show(page: dict[str, Any], columns: Sequence[str], *, as_json: bool) -> None:
    shell.show(page, as_json=as_json, columns=columns)
    if page["next"] and not as_json:
        shell.out.print(f"more: --cursor {page['next']}", style="dim", markup=False)


def _page(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = shell.check(answer)
    return found


def _given(**asked: Any) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}


def at(text: str) -> str:
    """Where the corpus of that name is; another text ends the command."""
    try:
        ref = Ref.parse(text)
    except ValueError as error:
        shell.fail(f"{text!r} {error}", None, 2)
    return f"/v1/corpora/{ref.namespace}/{ref.name}"
