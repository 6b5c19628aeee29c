"""Give rows what their layout takes beyond their fields: the exchange, and texts by template."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.datasets.exchange import Exchange, Exchanges
from app.datasets.exporter import Exporter, Row
from app.datasets.features import Features, Misfit
from app.errors import Conflict, FieldError, Invalid
from app.prompts.cell import Refusal
from app.prompts.sandbox import RenderPool


async def check_templates(
    pool: RenderPool, layout: Exporter, columns: Features, at: str = "/layout"
) -> None:
    """Refuses templates that cannot be read, or want what no record of the corpus has."""
    for key, source in layout.templates.items():
        where = f"{at}/{key}"
        try:
            wanted = await pool.check_texts({key: source})
        except Invalid as error:
            problem = error.errors[0].problem if error.errors else error.detail
            raise Invalid(
                "layout.template", f"{where}: {problem}", errors=[FieldError(where, problem)]
            ) from error
        unknown = [name for name in wanted if name not in columns]
        if unknown:
            known = ", ".join(columns)
            raise Invalid.at(
                where, f"the corpus has no column {unknown[0]!r}; known: {known}", unknown[0]
            )


@dataclass(frozen=True, slots=True)
class Dresser:
    pool: RenderPool
    exchanges: Exchanges

    async def check(self, layout: Exporter, columns: Features, at: str = "/layout") -> None:
        layout.check(columns, at)
        await check_templates(self.pool, layout, columns, at)

    async def dressed(
        self, session: AsyncSession, layout: Exporter, columns: Features, rows: Sequence[Row]
    ) -> Sequence[Row]:
        """The rows, with what the layout asks for. Raises `Conflict` that names the record that
        lacks it.
        """
        if layout.wants_prompt or layout.wants_reply or layout.wants_reasoning:
            found = await self.exchanges.behind(
                session,
                [row.id for row in rows],
                prompts=layout.wants_prompt,
                replies=layout.wants_reply,
            )
            rows = [_with_exchange(row, one) for row, one in zip(rows, found, strict=True)]
        if layout.templates:
            written = await self.pool.write(layout.templates, [_values(r, columns) for r in rows])
            rows = [_with_texts(row, one) for row, one in zip(rows, written, strict=True)]
        return rows


@dataclass(frozen=True, slots=True)
class Dressed:
    """One publication's rows, given what its layout takes."""

    session: AsyncSession
    dresser: Dresser | None
    layout: Exporter
    columns: Features

    async def check(self) -> None:
        """Raises `Invalid` for templates that do not go with these columns."""
        if self.dresser is not None:
            await check_templates(self.dresser.pool, self.layout, self.columns)

    async def rows(self, rows: Sequence[Row]) -> Sequence[Row]:
        if self.dresser is None:
            return rows
        return await self.dresser.dressed(self.session, self.layout, self.columns, rows)

    def written(self, row: Row) -> dict[str, Any]:
        """As the layout writes it. Raises `Conflict` for a record that does not fit."""
        try:
            return self.layout(row, self.layout.features(self.columns))
        except Misfit as error:
            raise Conflict(
                "dataset.misfit", f"record {row.id} cannot be published: {error}"
            ) from error


def _values(row: Row, columns: Features) -> dict[str, Any]:
    """A field that a record lacks is null to a template."""
    return {name: row.fields.get(name) for name in columns}


# What a row takes in memory, and so where groups of rows end, is not its fields alone any more.


def _with_exchange(row: Row, exchange: Exchange) -> Row:
    return replace(row, exchange=exchange, size=row.size + exchange.size)


def _with_texts(row: Row, written: dict[str, str] | Refusal) -> Row:
    if isinstance(written, Refusal):
        where = f"{written.errors[0].field}: " if written.errors else ""
        raise Conflict(
            "dataset.misfit", f"record {row.id} cannot be published: {where}{written.detail}"
        )
    return replace(row, texts=written, size=row.size + sum(map(len, written.values())))
