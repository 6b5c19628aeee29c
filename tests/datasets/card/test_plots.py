"""Plots: equal bytes for equal numbers, well-formed whatever a name holds, nothing from outside."""

import re
from bisect import bisect_right
from itertools import pairwise
from math import ceil
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.card.histogram import Panel, histograms
from app.datasets.card.svg import bars
from app.datasets.lengths import EDGES, measured

SIMILARITIES = [k / 50 for k in range(51)]
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>&\x00\x0b\ud7ff 'a' \"b\" 漢字"


def drawn(text: str) -> ET.Element:
    assert not re.search(r"(href|url\(|<script|<image|@import)", text)
    return ET.fromstring(text)


def test_bars_are_as_long_as_their_numbers() -> None:
    groups = [("", [("all", 400, "100 %"), (HOSTILE, 100, "25 %"), ("none", 0, "0 %")])]
    text = bars(HOSTILE, HOSTILE, groups)
    assert text == bars(HOSTILE, HOSTILE, groups)
    lengths = [float(r.attrib["width"]) for r in drawn(text).findall(f"{SVG}rect[@class='bar']")]
    assert lengths[0] == pytest.approx(4 * lengths[1])
    assert len(lengths) == 2


@pytest.mark.parametrize("is_length", [True, False])
def test_a_histogram_has_a_bar_for_each_bin_within_its_picture(*, is_length: bool) -> None:
    every = [(low, high) for low, high in pairwise(EDGES if is_length else SIMILARITIES)]
    for places in ([5], [0, 2, len(every) - 1], range(len(every))):
        bins = [(*every[place], place + 1) for place in places]
        panel = Panel(HOSTILE, "", bins, is_length=is_length)
        picture = drawn(histograms("How long", "", [panel, panel]))
        found = picture.findall(f"{SVG}rect[@class='bar']")
        assert len(found) == 2 * len(bins)
        for each in found:
            x, width = float(each.attrib["x"]), float(each.attrib["width"])
            assert 0 < x < x + width < float(picture.attrib["width"])


def test_an_empty_histogram_has_no_bars() -> None:
    panel = Panel("none", "", [])
    assert not drawn(histograms("How long", "", [panel])).findall(f"{SVG}rect[@class='bar']")


@given(st.lists(st.integers(0, 3_000), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_length_that_a_share_does_not_exceed_is_right_to_a_bin(
    lengths: list[int], share: float
) -> None:
    table = pa.table({"text": ["x" * length for length in lengths]})
    about = measured(table)["text"].about(share)
    exact = sorted(lengths)[max(ceil(share * len(lengths)) - 1, 0)]
    assert min(lengths) <= about <= max(lengths)
    assert bisect_right(EDGES, about) == bisect_right(EDGES, exact)
