import pytest

from scripts import write_docs
from tests.docs.pages import DOCS


@pytest.mark.parametrize("page", write_docs.PARTS)
def test_what_follows_from_the_code_stands_in_the_page(page: str) -> None:
    text = (DOCS / page).read_text()
    assert write_docs.rewritten(page, text) == text, "out of date: make pages"


@pytest.mark.parametrize("model", list(write_docs.models()), ids=lambda model: model.__name__)
def test_every_setting_and_every_parameter_has_a_sentence(model: type) -> None:
    said = write_docs.sentences(model)
    fields = getattr(model, "model_fields", {})
    assert not [name for name in fields if not said.get(name, "").endswith(".")]


@pytest.mark.parametrize(
    "plugin",
    [model for model in write_docs.models() if hasattr(model, "plugin_name")],
    ids=lambda plugin: plugin.plugin_name,
)
def test_every_plugin_says_what_it_does(plugin: type) -> None:
    assert (plugin.__doc__ or "").strip()
