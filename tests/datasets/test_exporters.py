"""Layouts, and the columns they write."""

from typing import Any
from uuid import UUID

import pytest

from app.datasets.exporter import Origin, Row, exporters
from app.datasets.exporters import Messages, PromptCompletion, Records
from app.datasets.features import Misfit, features_of, fitted, kind_of
from app.errors import Invalid

ID = UUID(int=7)
COLUMNS = features_of({"question": "string", "answer": "string", "tags": "array"})


def row(**fields: Any) -> Row:
    origin = Origin(ID, template="default/qa@2", few_shot=None, teacher="default/local")
    return Row(ID, 3, 1, b"d", fields, 10, origin)


def test_records_keep_what_is_null_or_absent_as_null() -> None:
    made = Records()(row(question="q", answer=None), COLUMNS)
    assert made == {"question": "q", "answer": None, "tags": None}


def test_records_take_the_fields_they_are_told_in_that_order() -> None:
    layout = Records(fields=("answer", "question"))
    features = layout.features(COLUMNS)
    assert list(features) == ["answer", "question"]
    assert list(layout(row(question="q", answer="a", tags=[]), features)) == ["answer", "question"]


def test_lineage_is_added_when_it_is_asked_for() -> None:
    layout = Records(fields=("question",), lineage=True)
    features = layout.features(COLUMNS)
    made = layout(row(question="q"), features)
    assert made.keys() == features.keys()
    assert (made["_template"], made["_item"], made["_few_shot"]) == ("default/qa@2", 3, None)
    with pytest.raises(Invalid, match="has a field '_id' itself"):
        Records(lineage=True).check({"_id": "string"})


def test_chat_turns_are_joined_from_fields() -> None:
    layout = Messages(prompt=("question", "tags"), completion=("answer",))
    assert layout(row(question="q", answer="a", tags=["x", 1]), {})["messages"] == [
        {"role": "user", "content": 'q\n\n["x",1]'},
        {"role": "assistant", "content": "a"},
    ]


def test_a_prompt_and_its_completion_are_texts() -> None:
    layout = PromptCompletion(prompt=("question",), completion=("answer", "tags"))
    assert layout(row(question="q", answer="a", tags=None), {}) == {
        "prompt": "q",
        "completion": "a",
    }


def test_a_layout_survives_its_json() -> None:
    for layout in (Records(lineage=True), Messages(prompt=("q",), completion=("a",))):
        assert exporters.read(exporters.write(layout)) == layout


@pytest.mark.parametrize(
    ("json_type", "kind"),
    [
        ("string", "string"),
        (["integer", "null"], "int64"),
        ({"type": "number"}, "float64"),
        ("boolean", "bool"),
        ("array", "json"),
        (["string", "integer"], "json"),
        (None, "json"),
    ],
)
def test_a_column_follows_from_its_json_type(json_type: Any, kind: str) -> None:
    assert kind_of(json_type) == kind


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (2**63, "int64"),
        (True, "int64"),
        (1.5, "int64"),
        ("1", "float64"),
        (1, "string"),
        (0, "bool"),
    ],
)
def test_a_value_is_refused_rather_than_bent(value: Any, kind: Any) -> None:
    with pytest.raises(Misfit):
        fitted(value, kind)
