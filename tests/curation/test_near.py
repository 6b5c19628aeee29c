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
    -5_703_266_878_797_204_875,
    -1_596_944_704_664_611_495,
    -3_875_539_728_992_218_355,
    -3_469_803_484_052_798_487,
    -2_984_068_666_741_848_395,
    8_965_353_442_006_923_287,
    -2_592_313_263_466_403_121,
    1_966_806_128_061_884_242,
    -8_070_644_434_141_055_850,
    -2_149_164_848_015_081_135,
    -3_641_117_444_986_833_225,
    -1_718_924_250_160_138_124,
    3_076_562_590_330_898_845,
    -5_152_737_374_517_342_723,
    -5_540_422_074_378_058_759,
    -5_471_240_757_669_312_723,
    -5_230_108_462_110_655_448,
    -4_924_591_949_308_754_481,
    8_529_822_172_038_717_355,
    8_364_175_344_438_928_696,
)
texts = st.lists(st.text(max_size=60).map(canonical_text), min_size=1, max_size=8)


def shingles(text: str) -> set[str]:
    padded = text.ljust(near.GRAM, "\0")
    return {padded[at : at + near.GRAM] for at in range(len(padded) - near.GRAM + 1)}


def test_bands_are_what_they_were_when_the_first_were_stored() -> None:
    """Should this fail, raise `VERSION`: what is stored would not be found any more."""
    (signed,) = RULE.sign([{"text": "Die Größe  of a\ttea-pot: 茶壶"}], 7)
    assert signed.text == "die grösse of a tea-pot: 茶壶"
    assert (near.VERSION, signed.bands) == (1, GOLDEN)


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
    assert RULE.sign([record], 0)[0].bands == ()


def test_what_is_no_text_is_compared_as_json() -> None:
    one, other = RULE.sign([{"text": {"b": [1, 2**70], "a": "ä"}}, {"text": "x"}], 0)
    assert one.text == '{"a": "ä", "b": [1, 1180591620717411303424]}'
    assert len(other.bands) == near.BANDS, "shorter than a gram, and yet one"
