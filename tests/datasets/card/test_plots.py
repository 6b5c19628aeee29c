"""Plots: equal bytes for equal numbers, well-formed whatever a name holds, nothing from outside."""

import re
from xml.etree import ElementTree as ET

import pytest

from app.datasets.card.histogram import Panel, histograms
from app.datasets.card.svg import bars
from app.datasets.statistics.entries import LENGTHS, SIMILARITIES, Histogram

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


@pytest.mark.parametrize("edges", [LENGTHS, SIMILARITIES])
def test_a_histogram_has_a_bar_for_each_filled_bin_within_its_picture(
    edges: tuple[float, ...],
) -> None:
    for counts in ([0] * 5 + [1], [3, 0, 1] + [0] * 20, [1] * len(edges)):
        padded = (counts + [0] * len(edges))[: len(edges)]
        panel = Panel(HOSTILE, "", Histogram.of(edges, padded), is_length=edges is LENGTHS)
        picture = drawn(histograms("How long", "", [panel, panel]))
        found = picture.findall(f"{SVG}rect[@class='bar']")
        assert len(found) == 2 * sum(count > 0 for count in counts)
        for each in found:
            x, width = float(each.attrib["x"]), float(each.attrib["width"])
            assert 0 < x < x + width < float(picture.attrib["width"])


def test_an_empty_histogram_has_no_bars() -> None:
    panel = Panel("none", "", Histogram.of(LENGTHS, [0] * len(LENGTHS)))
    assert not drawn(histograms("How long", "", [panel])).findall(f"{SVG}rect[@class='bar']")
