"""Templates and few-shot sets as JSON."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from app.names import DEFAULT_NAMESPACE, Name, Ref
from app.prompts.diff import Difference
from app.prompts.few_shot import MOST
from app.prompts.front_matter import Format
from app.prompts.prompt import Prompt, Role
from app.prompts.version import FewShotVersion, TemplateVersion

SOURCE = """\
---
description: A question and its answer, from a topic.
inputs:
  topic: {type: string, maxLength: 100}
response:
  format: json
  schema:
    properties:
      question: {type: string, maxLength: 200}
      answer: {type: string, maxLength: 400}
dedup: [question]
---
{% system %}
You write short questions for a quiz, each with its answer.
{% endsystem %}
{% user %}
Topic: {{ topic }}
{% enduser %}
"""
_EXAMPLES = [
    {
        "inputs": {"topic": topic},
        "response": {"question": question, "answer": answer},
    }
    for topic, question, answer in (
        ("the Moon", "Why does the Moon have phases?", "We see its lit half from changing sides."),
        ("bread", "What makes bread dough rise?", "Yeast turns sugar into carbon dioxide."),
        ("maps", "What does a map's scale say?", "How far a length on the map is on the ground."),
        ("bees", "Why do bees visit flowers?", "They gather nectar and pollen as food."),
    )
]
_SOURCE_FIELD = Field(
    max_length=65_536,
    examples=[SOURCE],
    description="The template file: YAML front matter between '---' lines, then turns.",
)
_EXAMPLES_FIELD = Field(
    description="Four to eight examples, each `{inputs, response}`.", examples=[_EXAMPLES]
)
_TEMPLATE_FIELD = Field(
    default=None,
    description="A template to check the examples against and bind them to; its latest version "
    "where none is named.",
    examples=["question-answer@1"],
)


class ExampleBody(BaseModel, frozen=True, extra="forbid"):
    inputs: dict[str, Any]
    response: dict[str, Any]


class NewTemplateVersion(BaseModel, frozen=True, extra="forbid"):
    source: str = _SOURCE_FIELD


class NewTemplate(NewTemplateVersion, frozen=True, extra="forbid"):
    namespace: Name = DEFAULT_NAMESPACE
    name: Name = Field(examples=["question-answer"])


class NewFewShotVersion(BaseModel, frozen=True, extra="forbid"):
    examples: list[dict[str, Any]] = _EXAMPLES_FIELD
    template: Ref | None = _TEMPLATE_FIELD


class NewFewShotSet(NewFewShotVersion, frozen=True, extra="forbid"):
    namespace: Name = DEFAULT_NAMESPACE
    name: Name = Field(examples=["question-answer"])


class RenderBody(BaseModel, frozen=True, extra="forbid"):
    inputs: dict[str, Any] = Field(examples=[{"topic": "the Moon"}])
    """One row's inputs."""
    examples: list[dict[str, Any]] | None = Field(default=None, max_length=MOST, examples=[None])
    """Examples to show, written out; or else `few_shot`."""
    few_shot: Ref | None = Field(default=None, examples=[None])
    """A few-shot set to show; or else `examples`."""
    k: int | None = Field(default=None, ge=0, le=MOST, examples=[None])
    """How many of them; all where it is not said."""


class ResponseView(BaseModel):
    format: Format
    schema_: dict[str, Any] = Field(alias="schema", serialization_alias="schema")


class TemplateSummary(BaseModel):
    namespace: str
    name: str
    version: int
    ref: str = Field(examples=["default/question-answer@1"])
    description: str
    digest: str
    """sha256 of the source."""
    created_at: datetime

    @classmethod
    def of(cls, found: TemplateVersion) -> "TemplateSummary":
        return cls(
            namespace=found.ref.namespace,
            name=found.ref.name,
            version=found.ref.version or 0,
            ref=str(found.ref),
            description=found.description,
            digest=found.digest,
            created_at=found.created_at,
        )


class TemplateView(TemplateSummary):
    inputs: dict[str, Any]
    """JSON Schema of a row's inputs."""
    response: ResponseView
    dedup: list[str]
    """Fields by which its records differ."""
    sampling: dict[str, Any]
    """Sampling defaults."""
    source: str

    @classmethod
    def of(cls, found: TemplateVersion) -> "TemplateView":
        template = found.template
        return cls(
            **TemplateSummary.of(found).model_dump(),
            inputs=template.inputs,
            response=ResponseView(format=template.format, schema=template.response),
            dedup=list(template.dedup),
            sampling=template.sampling,
            source=template.source,
        )


class FewShotSummary(BaseModel):
    namespace: str
    name: str
    version: int
    ref: str = Field(examples=["default/question-answer@1"])
    size: int
    """How many examples it holds."""
    template: str | None
    """The template version the examples were checked against."""
    digest: str
    created_at: datetime

    @classmethod
    def of(cls, found: FewShotVersion) -> "FewShotSummary":
        return cls(
            namespace=found.ref.namespace,
            name=found.ref.name,
            version=found.ref.version or 0,
            ref=str(found.ref),
            size=len(found.few_shot.examples),
            template=str(found.template) if found.template else None,
            digest=found.digest,
            created_at=found.created_at,
        )


class FewShotView(FewShotSummary):
    examples: list[ExampleBody]

    @classmethod
    def of(cls, found: FewShotVersion) -> "FewShotView":
        return cls(
            **FewShotSummary.of(found).model_dump(),
            examples=[ExampleBody(**one) for one in found.few_shot.content],
        )


class MessageView(BaseModel):
    role: Role
    content: str


class PromptView(BaseModel):
    template: str
    """The version that was rendered."""
    few_shot: str | None
    messages: list[MessageView]
    digest: str
    """16 bytes in hex over the messages."""
    text: str
    """The same for reading."""

    @classmethod
    def of(cls, prompt: Prompt, template: Ref, few_shot: Ref | None) -> "PromptView":
        return cls(
            template=str(template),
            few_shot=str(few_shot) if few_shot else None,
            messages=[MessageView(role=m.role, content=m.content) for m in prompt.messages],
            digest=prompt.digest.hex(),
            text="\n\n".join(f"[{m.role}]\n{m.content}" for m in prompt.messages),
        )


class ChangeView(BaseModel):
    what: str = Field(examples=["/inputs/topic"])
    before: Any
    after: Any


class DiffView(BaseModel):
    text: str
    """A unified diff of the sources; empty where they are equal."""
    changes: list[ChangeView]
    """What the front matter declares otherwise."""

    @classmethod
    def of(cls, found: Difference) -> "DiffView":
        changes = [ChangeView(what=c.what, before=c.before, after=c.after) for c in found.changes]
        return cls(text=found.text, changes=changes)
