import pytest
from pydantic import ValidationError

from app.curation.filters import Language
from tests.curation.filters.replies import ANSWER, judge, noted

GERMAN = "Der meiste Tee, den man in Europa trank, kam über das Meer in die Häfen."


@pytest.mark.parametrize(
    ("languages", "text", "said"),
    [
        (("en",), ANSWER, None),
        (("de",), ANSWER, "en"),
        (("en", "fr"), GERMAN, "de"),
        (("de",), f"{GERMAN}\n```python\nprint('hello world, how are you today')\n```", None),
        (("en",), "大多数茶叶都是从海上运到欧洲的港口,然后再卖到内陆城市。", "zh"),
        (("en",), "Wien.", None),
        (("en",), "\n \n", None),
    ],
)
def test_texts_in_another_language_are_dropped(
    languages: tuple[str, ...], text: str, said: str | None
) -> None:
    verdict = noted(judge(Language(languages=languages, fields=("answer",)), text))

    assert (verdict and verdict.value) == said
    if verdict:
        assert verdict.threshold == list(languages)


def test_an_answer_that_is_no_answer_keeps_the_text() -> None:
    assert judge(Language(languages=("de",), min_confidence=1), ANSWER) is None


def test_a_language_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="no language 'english' is known; they are af, als"):
        Language(languages=("english",))
