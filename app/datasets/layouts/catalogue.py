"""Every layout there is, with an example row: for people who choose one, and for the docs."""

import inspect
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from app.datasets.exchange import Exchange
from app.datasets.exporter import Exporter, Format, Origin, Row, exporters
from app.datasets.features import Features
from app.prompts.prompt import Message
from app.prompts.texts import Writer

COLUMNS: Features = {
    "topic": "string",
    "question": "string",
    "answer": "string",
    "worse": "string",
    "good": "bool",
}
"""Of the corpus that the examples are from."""

_RECORD = {
    "topic": "rain",
    "question": "Why does rain smell?",
    "answer": "Wet soil smells of geosmin.",
    "worse": "It does not.",
    "good": True,
}
_EXCHANGE = Exchange(
    prompt=(
        Message("system", "You answer questions for a weather site."),
        Message("user", "Topic: snow"),
        Message("assistant", "Why is snow white? Its crystals scatter all light alike."),
        Message("user", "Topic: rain"),
    ),
    reply="Why does rain smell? Wet soil smells of geosmin.",
    reasoning="Soil bacteria give off geosmin.",
)


class UseView(BaseModel):
    trainer: str = Field(examples=["TRL SFT"])
    by: str
    """What it is given there: a dataset type, a loader, an option."""


class LayoutView(BaseModel):
    name: str = Field(examples=["messages"])
    about: str
    uses: list[UseView]
    format: Format
    parameters: dict[str, Any]
    """As JSON Schema."""
    example: dict[str, Any]
    """A layout of this name, to be put into what is published."""
    row: dict[str, Any]
    """What it would write of an example record."""


def catalogue() -> list[LayoutView]:
    """By name."""
    return [_view(name, exporters[name]) for name in exporters.names]


def example_row(layout: Exporter) -> dict[str, Any]:
    """What the layout writes of the example record."""
    layout.check(COLUMNS)
    origin = Origin(UUID(int=7), template="support/faq@2", teacher="default/local")
    row = Row(
        id=UUID(int=1),
        item=0,
        sample=0,
        digest=b"",
        fields=_RECORD,
        size=0,
        origin=origin,
        exchange=_EXCHANGE,
        # Our own templates, which need no walls around them.
        texts=Writer(layout.templates).texts(_RECORD),
    )
    return layout(row, layout.features(COLUMNS))


def _view(name: str, kind: type[Exporter]) -> LayoutView:
    layout = kind.model_validate(dict(kind.example))
    return LayoutView(
        name=name,
        about=inspect.cleandoc(kind.__doc__ or ""),
        uses=[UseView(trainer=use.trainer, by=use.by) for use in kind.uses],
        format=kind.format,
        parameters=kind.model_json_schema(),
        example={"name": name, **layout.model_dump(mode="json", exclude_unset=True)},
        row=example_row(layout),
    )
