"""Templates and few-shot sets over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.auth.dependency import CallerDep
from app.db import Database
from app.errors import Invalid
from app.names import Name, Ref
from app.prompts import store
from app.prompts.cell import Refusal
from app.prompts.few_shot import FewShotSet, parse_few_shot, read_examples
from app.prompts.sandbox import RenderPool
from app.prompts.schemas import (
    DiffView,
    FewShotSummary,
    FewShotView,
    NewFewShotSet,
    NewFewShotVersion,
    NewTemplate,
    NewTemplateVersion,
    PromptView,
    RenderBody,
    TemplateSummary,
    TemplateView,
)
from app.prompts.version import FewShotVersion, TemplateVersion
from app.web.paging import Page, PageDep, page_of
from app.web.route import DatabaseDep, Route, SessionDep, not_replayed

templates = APIRouter(prefix="/v1/templates", tags=["templates"], route_class=Route)
few_shots = APIRouter(prefix="/v1/few-shot-sets", tags=["few-shot sets"], route_class=Route)


async def render_pool(request: Request) -> RenderPool:
    pool: RenderPool = request.app.state.render_pool
    return pool


PoolDep = Annotated[RenderPool, Depends(render_pool)]


VersionedName = Annotated[
    str,
    Path(
        max_length=80,
        description="`name` for the latest version, or `name@3`.",
        examples=["question-answer@1"],
    ),
]
_SAME_TEMPLATE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A version has this source already: this one.", "model": TemplateView}
}
_SAME_FEW_SHOT: dict[int | str, dict[str, Any]] = {
    200: {"description": "A version has this content already: this one.", "model": FewShotView}
}
VersionQuery = Annotated[int, Query(ge=1, lt=2**31)]


@templates.post("", status_code=201, responses=_SAME_TEMPLATE)
async def create_template(
    body: NewTemplate, session: SessionDep, caller: CallerDep, pool: PoolDep, response: Response
) -> TemplateView:
    """Make a template's first version. The same source again answers the version that has it,
    with 200; another source for a name that is taken is refused with 409.
    """
    template = await pool.check(body.source)
    ref = Ref(body.namespace, body.name)
    found, new = await store.push_template(session, ref, template, create=True)
    response.status_code = 201 if new else 200
    return TemplateView.of(found)


@templates.post("/{namespace}/{name}/versions", status_code=201, responses=_SAME_TEMPLATE)
async def create_template_version(
    namespace: Name,
    name: Name,
    body: NewTemplateVersion,
    session: SessionDep,
    caller: CallerDep,
    pool: PoolDep,
    response: Response,
) -> TemplateView:
    """Make a template's next version. A source that some version has already answers that version,
    with 200.
    """
    template = await pool.check(body.source)
    ref = Ref(namespace, name)
    found, new = await store.push_template(session, ref, template, create=False)
    response.status_code = 201 if new else 200
    return TemplateView.of(found)


@templates.get("")
async def list_templates(
    session: SessionDep, caller: CallerDep, page: PageDep, namespace: Name | None = None
) -> Page[TemplateSummary]:
    """The latest version of every template, oldest template first."""
    rows = await store.templates.page(
        session, namespace=namespace, after=page.after_id, limit=page.limit + 1
    )
    return page_of(rows, page, lambda row: row[0], lambda row: TemplateSummary.of(row[1]))


@templates.get("/{namespace}/{name}")
async def get_template(
    namespace: Name, name: VersionedName, session: SessionDep, caller: CallerDep
) -> TemplateView:
    """One version: `name@3`, or the latest of `name`."""
    return TemplateView.of(await store.resolve_template(session, _ref(namespace, name)))


@templates.get("/{namespace}/{name}/versions")
async def list_template_versions(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[TemplateSummary]:
    """All versions of a template, from the first."""
    rows = await store.templates.history(
        session, Ref(namespace, name), after=page.after_number, limit=page.limit + 1
    )
    return page_of(rows, page, lambda found: found.ref.version, TemplateSummary.of)


@templates.post("/{namespace}/{name}/render")
@not_replayed
async def render_template(
    namespace: Name,
    name: VersionedName,
    body: RenderBody,
    database: DatabaseDep,
    caller: CallerDep,
    pool: PoolDep,
) -> PromptView:
    """The prompt for one row's inputs, as a teacher would be sent it. Stores nothing."""
    few_shot: FewShotVersion | None = None
    async with database.unit_of_work() as session:
        found = await store.resolve_template(session, _ref(namespace, name))
        if body.few_shot:
            few_shot = await store.resolve_few_shot(session, body.few_shot)
    shown = _shown(body, few_shot.few_shot if few_shot else None)
    [prompt] = await pool.render(found.source, shown, [body.inputs])
    if isinstance(prompt, Refusal):
        raise prompt.raised()
    return PromptView.of(prompt, found.ref, few_shot.ref if few_shot else None)


@templates.get("/{namespace}/{name}/diff")
async def diff_template(
    namespace: Name,
    name: Name,
    database: DatabaseDep,
    caller: CallerDep,
    pool: PoolDep,
    before: Annotated[VersionQuery, Query(alias="from", examples=[1])],
    after: Annotated[VersionQuery, Query(alias="to", examples=[2])],
) -> DiffView:
    """What changed from one version of a template to another."""
    async with database.unit_of_work() as session:
        one = await store.resolve_template(session, Ref(namespace, name, before))
        two = await store.resolve_template(session, Ref(namespace, name, after))
    return DiffView.of(await pool.diff(one.source, two.source, (str(one.ref), str(two.ref))))


@few_shots.post("", status_code=201, responses=_SAME_FEW_SHOT)
async def create_few_shot_set(
    body: NewFewShotSet,
    session: SessionDep,
    database: DatabaseDep,
    caller: CallerDep,
    pool: PoolDep,
    response: Response,
) -> FewShotView:
    """Make a few-shot set's first version, bound to a template if one is named. The same content
    again answers 200; other content for a name that is taken is refused with 409.
    """
    few_shot, bound = await _checked(body, database, pool)
    ref = Ref(body.namespace, body.name)
    found, new = await store.push_few_shot(session, ref, few_shot, bound, create=True)
    response.status_code = 201 if new else 200
    return FewShotView.of(found)


@few_shots.post("/{namespace}/{name}/versions", status_code=201, responses=_SAME_FEW_SHOT)
async def create_few_shot_version(
    namespace: Name,
    name: Name,
    body: NewFewShotVersion,
    session: SessionDep,
    database: DatabaseDep,
    caller: CallerDep,
    pool: PoolDep,
    response: Response,
) -> FewShotView:
    """Make a few-shot set's next version. Content that some version has already answers that
    version, with 200.
    """
    few_shot, bound = await _checked(body, database, pool)
    ref = Ref(namespace, name)
    found, new = await store.push_few_shot(session, ref, few_shot, bound, create=False)
    response.status_code = 201 if new else 200
    return FewShotView.of(found)


@few_shots.get("")
async def list_few_shot_sets(
    session: SessionDep, caller: CallerDep, page: PageDep, namespace: Name | None = None
) -> Page[FewShotSummary]:
    """The latest version of every few-shot set, oldest set first."""
    rows = await store.few_shots.page(
        session, namespace=namespace, after=page.after_id, limit=page.limit + 1
    )
    return page_of(rows, page, lambda row: row[0], lambda row: FewShotSummary.of(row[1]))


@few_shots.get("/{namespace}/{name}")
async def get_few_shot_set(
    namespace: Name, name: VersionedName, session: SessionDep, caller: CallerDep
) -> FewShotView:
    """One version: `name@3`, or the latest of `name`."""
    return FewShotView.of(await store.resolve_few_shot(session, _ref(namespace, name)))


@few_shots.get("/{namespace}/{name}/versions")
async def list_few_shot_versions(
    namespace: Name, name: Name, session: SessionDep, caller: CallerDep, page: PageDep
) -> Page[FewShotSummary]:
    """All versions of a few-shot set, from the first."""
    rows = await store.few_shots.history(
        session, Ref(namespace, name), after=page.after_number, limit=page.limit + 1
    )
    return page_of(rows, page, lambda found: found.ref.version, FewShotSummary.of)


def _ref(namespace: str, name: str) -> Ref:
    try:
        return Ref.parse(f"{namespace}/{name}")
    except ValueError as error:
        problem = str(error).replace("name, namespace/name or namespace/name", "name or name")
        raise Invalid.at("path.name", problem, name) from None


def _shown(body: RenderBody, stored: FewShotSet | None) -> Any:
    if body.examples is not None and stored is not None:
        raise Invalid.at("/few_shot", "should be left out where examples are given")
    shown = stored.examples if stored else read_examples(body.examples or [])
    if body.k is None:
        return shown
    if body.k > len(shown):
        raise Invalid.at("/k", f"should be at most {len(shown)}, the examples there are", body.k)
    return shown[: body.k]


async def _checked(
    body: NewFewShotVersion, database: Database, pool: RenderPool
) -> tuple[FewShotSet, TemplateVersion | None]:
    """The set, and the template version it is bound to and was rendered with."""
    few_shot = parse_few_shot(body.examples)
    if body.template is None:
        return few_shot, None
    async with database.unit_of_work() as session:
        bound = await store.resolve_template(session, body.template)
    [prompt] = await pool.render(bound.source, few_shot.examples, [few_shot.examples[0].inputs])
    if isinstance(prompt, Refusal):
        raise prompt.raised()
    return few_shot, bound


router = APIRouter()
router.include_router(templates)
router.include_router(few_shots)
