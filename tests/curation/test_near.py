"""Signatures and similarity: what near-duplicates are found by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.curation import near
from app.curation.near import Near
from app.curation.text import canonical_text
from tests.corpus import truth

RULE = Near(("text",), (), 0.7)
GOLDEN = (
    1_125_346_599_400_369_210,
    8_133_449_442_736_257_335,
    -1_204_709_332_828_336_439,
    -3_838_826_152_890_465_819,
    1_428_929_685_502_277_307,
    -5_981_483_419_174_923_046,
    8_443_392_805_779_077_819,
    -4_549_170_239_893_995_878,
    -4_409_569_489_073_447_756,
    4_894_209_634_182_495_214,
    1_362_284_034_299_595_303,
    7_333_118_357_555_836_391,
    4_950_567_313_120_888_345,
    -2_184_111_534_922_719_955,
    -1_195_727_778_979_201_590,
    6_374_956_565_022_378_147,
    629_299_486_821_118_440,
    5_885_505_723_863_062_205,
    467_300_547_804_161_145,
    2_779_039_159_673_231_998,
)
texts = st.lists(st.text(max_size=60).map(canonical_text), min_size=1, max_size=8)


def shingles(text: str) -> set[str]:
    padded = text.ljust(near.GRAM, "\0")
    return {padded[at : at + near.GRAM] for at in range(len(padded) - near.GRAM + 1)}


def test_bands_are_what_they_were_when_the_first_were_stored() -> None:
    """Should this fail, raise `VERSION`: what is stored would not be found any more."""
    (signed,) = RULE.sign([{"text": "Die Größe  of a\ttea-pot: 茶壶"}], 7)
    assert signed.text == "die grösse of a tea-pot: 茶壶"
    assert (near.VERSION, tuple(signed.bands)) == (3, GOLDEN)


@given(texts)
def test_a_text_is_signed_alone_as_in_company(many: list[str]) -> None:
    together = near.signatures(many)
    alone = [near.signatures([one])[0] for one in many]
    assert np.array_equal(together, alone)


@given(st.text(max_size=80), st.text(max_size=80))
def test_similarity_is_the_jaccard_index_of_the_sets_of_5_grams(one: str, other: str) -> None:
    a, b = shingles(one), shingles(other)
    assert near.jaccard(*near.grams([one, other])) == len(a & b) / len(a | b)


def test_nearly_all_true_pairs_meet_in_a_band_and_are_measured_right() -> None:
    docs, pairs = truth.docs(), truth.pairs(0.7)
    signed = RULE.sign([{"text": doc} for doc in docs], 0)
    sets = near.grams([one.text for one in signed])
    met = [not set(signed[i].bands).isdisjoint(signed[j].bands) for i, j in pairs]
    assert sum(met) / len(met) >= 0.98
    for (i, j), score in pairs.items():
        assert near.jaccard(sets[i], sets[j]) == pytest.approx(score, abs=1e-4)


def test_corpora_and_contexts_keep_their_bands_apart() -> None:
    rule = Near(("text",), ("topic",), 0.7)
    record = {"text": "the same words", "topic": "tea"}
    bands = [
        set(signed.bands)
        for signed in (
            *rule.sign([record, {**record, "topic": "TEA "}, {**record, "topic": "rain"}], 1),
            *rule.sign([record], 2),
        )
    ]
    assert bands[0] == bands[1], "spelling is no other context"
    assert bands[0].isdisjoint(bands[2])
    assert bands[0].isdisjoint(bands[3])


@pytest.mark.parametrize("record", [{"text": " \n"}, {"text": ""}, {"text": None}, {}])
def test_a_blank_text_is_like_no_other(record: dict[str, object]) -> None:
    assert not len(RULE.sign([record], 0)[0].bands)


def test_what_is_no_text_is_compared_as_json() -> None:
    one, other = RULE.sign([{"text": {"b": [1, 2**70], "a": "ä"}}, {"text": "x"}], 0)
    assert one.text == '{"a": "ä", "b": [1, 1180591620717411303424]}'
    assert len(other.bands) == near.BANDS, "shorter than a gram, and yet one"
