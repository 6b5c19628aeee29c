"""ROUGE-L is what its definition says, and nothing that is too alike is overlooked."""

import random
import re

import pytest

from app.curation.rouge import Rouge, Shelf, earlier_alike, score, words

VOCABULARY = [
    *("write", "a", "short", "story", "about", "the", "old", "ship", "that", "left", "port"),
    *(f"word{number}" for number in range(400)),
    *("größe", "café", "茶", "3", "7b"),
]


def plain(one: list[str], other: list[str]) -> float:
    """The definition, by a table of all prefixes."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for at, theirs in enumerate(other, 1):
            before, row[at] = row[at], before + 1 if word == theirs else max(row[at], row[at - 1])
    return 2 * row[-1] / max(1, len(one) + len(other))


@pytest.fixture(scope="module")
def texts() -> list[list[str]]:
    """Forty texts of 1 to 150 words, some of them edits of others."""
    chance = random.Random(5)
    made: list[list[str]] = []
    for _ in range(20):
        length = chance.choice([1, 3, 9, 10, 20, 70, 150])
        picked = [VOCABULARY[int(len(VOCABULARY) ** chance.random()) - 1] for _ in range(length)]
        edited = list(picked)
        for _ in range(max(1, length // chance.choice([3, 6, 20]))):
            edited[chance.randrange(length)] = chance.choice(VOCABULARY)
        made += [picked, edited]
    return made


def test_the_score_is_that_of_a_plain_longest_common_subsequence(texts: list[list[str]]) -> None:
    ours = [words(" ".join(text)) for text in texts]
    pairs = [(i, j) for i in range(len(texts)) for j in range(len(texts))]
    assert len(pairs) > 500
    for i, j in pairs:
        assert score(ours[i], ours[j]) == plain(texts[i], texts[j])


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.9])
def test_a_shelf_gives_all_that_score_more_and_no_other(
    texts: list[list[str]], threshold: float
) -> None:
    ours = [words(" ".join(text)) for text in texts]
    shelf = Shelf.of(ours[:7]).and_then(Shelf.of(ours[7:]), len(ours))
    found = 0
    for number, text in enumerate(texts):
        expected = {
            place: value
            for place, other in enumerate(texts)
            if (value := plain(text, other)) > threshold
        }
        assert dict(shelf.alike(ours[number], threshold)) == expected
        found += len(expected)
    assert found > len(texts), "not only each itself"
    assert earlier_alike(ours, threshold)[1:] == [
        [(place, value) for place, value in shelf.alike(one, threshold) if place < number]
        for number, one in enumerate(ours[1:], 1)
    ]


def test_just_as_alike_as_the_threshold_is_still_new() -> None:
    one = words("a b c d e f g h i j")
    other = words("a b c d e f g x y z")
    assert score(one, other) == 0.7
    assert Shelf.of([one]).alike(other, 0.7) == []


def test_english_words_are_those_of_rouge_score_and_chinese_ones_are_signs() -> None:
    rule = Rouge(("a", "b"), 0.7, 10)
    written = "Isn't THIS:  (a) test-case, of\n 2 co-ops?"
    theirs = re.sub(r"[^a-z0-9]+", " ", written.lower()).split()
    assert rule.words({"a": written, "b": None, "c": "other"}) == words(" ".join(theirs))
    assert rule.words({"a": "茶は tea"}) == words("茶 は tea")
    assert len(rule.words({"a": "Wie groß ist das Café?", "b": ["eins", "zwei"]})) == 7


def test_what_has_no_words_is_like_nothing() -> None:
    nothing = words("?!")
    assert score(nothing, nothing) == 0
    assert Shelf.of([nothing]).alike(nothing, 0.3) == []
    assert Shelf.of([]).alike(words("one"), 0.3) == []
