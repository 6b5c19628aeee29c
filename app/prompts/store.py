"""SQL of templates and few-shot sets: both are names with immutable, numbered versions."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar
from uuid import UUID

from sqlalchemy import Row, Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.digest import digest
from app.errors import Conflict, NotFound
from app.names import Ref
from app.prompts.few_shot import FewShotSet, parse_few_shot
from app.prompts.models import FewShotName, StoredFewShot, StoredTemplate, TemplateName
from app.prompts.template import Template
from app.prompts.version import FewShotVersion, TemplateVersion

_NAMES_COMPARED = 1_000

Query = Select[*tuple[Any, ...]]
V = TypeVar("V", TemplateVersion, FewShotVersion)


@dataclass(frozen=True, slots=True)
class Shelf(Generic[V]):
    """All versions of one kind of thing."""

    code: str
    label: str
    names: Any
    """The mapped class of names; `versions` is that of their versions, `parent` its link."""
    versions: Any
    parent: InstrumentedAttribute[UUID]
    query: Callable[[], Query]
    read: Callable[[Row[Any]], V]

    async def resolve(self, session: AsyncSession, ref: Ref) -> V:
        """The version that `ref` names, the latest where it names none; else `NotFound`."""
        query = self._of(ref).order_by(self.versions.version.desc()).limit(1)
        if ref.version is not None:
            query = query.where(self.versions.version == ref.version)
        row = (await session.execute(query)).one_or_none()
        return self.read(row) if row else await self._missing(session, ref)

    async def by_id(self, session: AsyncSession, version_id: UUID) -> V:
        query = self.query().where(self.versions.id == version_id)
        return self.read((await session.execute(query)).one())

    async def push(
        self, session: AsyncSession, ref: Ref, content: dict[str, Any], *, create: bool
    ) -> tuple[V, bool]:
        """The version with this content, and whether this call made it.

        With `create` the name must be new, or hold this content already; without, it must be
        there. Racing pushes wait for each other at the name's row: numbers have no gap, no twin.
        """
        if create:
            name = {"namespace": ref.namespace, "name": ref.name}
            await session.execute(insert(self.names).values(name).on_conflict_do_nothing())
        locked = select(self.names.id).where(self._named(ref)).with_for_update(key_share=True)
        name_id = await session.scalar(locked)
        if name_id is None:
            return await self._missing(session, ref)
        mine = self.parent == name_id
        same = self.query().where(mine, self.versions.digest == content["digest"])
        if (row := (await session.execute(same)).one_or_none()) is not None:
            return self.read(row), False
        last = await session.scalar(select(func.max(self.versions.version)).where(mine)) or 0
        if create and last:
            raise Conflict(
                f"{self.code}.exists",
                f"{self.label} {ref} exists, and holds something else",
                hint="POST to its /versions to make the next version.",
            )
        values = {self.parent.key: name_id, "version": last + 1, **content}
        made = insert(self.versions).values(values).returning(self.versions.id)
        return await self.by_id(session, (await session.execute(made)).scalar_one()), True

    async def page(
        self, session: AsyncSession, *, namespace: str | None, after: UUID | None, limit: int
    ) -> list[tuple[UUID, V]]:
        """The latest version under each name, oldest name first, with the name's id."""
        other = aliased(self.versions)
        latest = select(func.max(other.version)).where(
            getattr(other, self.parent.key) == self.names.id
        )
        query = self.query().add_columns(self.names.id.label("name_id"))
        query = query.where(self.versions.version == latest.scalar_subquery())
        if namespace is not None:
            query = query.where(self.names.namespace == namespace)
        if after is not None:
            query = query.where(self.names.id > after)
        rows = await session.execute(query.order_by(self.names.id).limit(limit))
        return [(row.name_id, self.read(row)) for row in rows]

    async def history(
        self, session: AsyncSession, ref: Ref, *, after: int | None, limit: int
    ) -> Sequence[V]:
        """The versions under one name, from the first."""
        query = self._of(ref).where(self.versions.version > (after or 0))
        rows = await session.execute(query.order_by(self.versions.version).limit(limit))
        found = [self.read(row) for row in rows]
        return found if found or after else await self._missing(session, ref)

    def _of(self, ref: Ref) -> Query:
        return self.query().where(self._named(ref))

    def _named(self, ref: Ref) -> Any:
        return (self.names.namespace == ref.namespace) & (self.names.name == ref.name)

    async def _missing(self, session: AsyncSession, ref: Ref) -> NoReturn:
        newest = select(func.max(self.versions.version)).join(self.names).where(self._named(ref))
        code = f"{self.code}.not_found"
        if last := await session.scalar(newest):
            name = Ref(ref.namespace, ref.name)
            raise NotFound(code, f"there is no {self.label} {ref}", hint=f"{name} has 1 to {last}.")
        full = self.names.namespace + "/" + self.names.name
        known = await session.scalars(select(full).order_by(full).limit(_NAMES_COMPARED))
        near = difflib.get_close_matches(f"{ref.namespace}/{ref.name}", list(known), n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else None
        raise NotFound(code, f"there is no {self.label} {ref}", hint=hint)


def _template_query() -> Query:
    return select(StoredTemplate, TemplateName.namespace, TemplateName.name).join(
        TemplateName, TemplateName.id == StoredTemplate.template_id
    )


def _template(row: Row[Any]) -> TemplateVersion:
    stored: StoredTemplate = row[0]
    return TemplateVersion(
        id=stored.id,
        ref=Ref(row.namespace, row.name, stored.version),
        digest=stored.digest,
        description=stored.description,
        source=stored.source,
        created_at=stored.created_at,
    )


_Bound = aliased(StoredTemplate)
_BoundName = aliased(TemplateName)


def _few_shot_query() -> Query:
    return (
        select(
            StoredFewShot,
            FewShotName.namespace,
            FewShotName.name,
            _BoundName.namespace.label("bound_namespace"),
            _BoundName.name.label("bound_name"),
            _Bound.version.label("bound_version"),
        )
        .join(FewShotName, FewShotName.id == StoredFewShot.few_shot_set_id)
        .outerjoin(_Bound, _Bound.id == StoredFewShot.template_version_id)
        .outerjoin(_BoundName, _BoundName.id == _Bound.template_id)
    )


def _few_shot(row: Row[Any]) -> FewShotVersion:
    stored: StoredFewShot = row[0]
    bound = stored.template_version_id is not None
    return FewShotVersion(
        id=stored.id,
        ref=Ref(row.namespace, row.name, stored.version),
        digest=stored.digest,
        few_shot=parse_few_shot(stored.examples),
        template=Ref(row.bound_namespace, row.bound_name, row.bound_version) if bound else None,
        created_at=stored.created_at,
    )


templates: Shelf[TemplateVersion] = Shelf(
    "template",
    "template",
    TemplateName,
    StoredTemplate,
    StoredTemplate.template_id,
    _template_query,
    _template,
)
few_shots: Shelf[FewShotVersion] = Shelf(
    "few_shot",
    "few-shot set",
    FewShotName,
    StoredFewShot,
    StoredFewShot.few_shot_set_id,
    _few_shot_query,
    _few_shot,
)

resolve_template = templates.resolve
resolve_few_shot = few_shots.resolve


async def push_template(
    session: AsyncSession, ref: Ref, template: Template, *, create: bool
) -> tuple[TemplateVersion, bool]:
    content = {
        "digest": template.digest,
        "description": template.description,
        "source": template.source,
    }
    return await templates.push(session, ref, content, create=create)


async def push_few_shot(
    session: AsyncSession,
    ref: Ref,
    few_shot: FewShotSet,
    bound_to: TemplateVersion | None,
    *,
    create: bool,
) -> tuple[FewShotVersion, bool]:
    """The content is the examples and the template version they were checked against."""
    bound_id = bound_to.id if bound_to else None
    content = {
        "digest": digest([few_shot.content, str(bound_id) if bound_id else None]),
        "examples": few_shot.content,
        "template_version_id": bound_id,
    }
    return await few_shots.push(session, ref, content, create=create)
