"""Numbers of the plots, counted by hand; and what their SVG may hold inside of a page."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from report.charts import (
    agreement,
    bland_altman,
    by_size,
    by_threshold,
    calibration_plot,
    counts_plot,
    histogram,
    rounded,
)
from report.svg import COLOURS


def test_limits_of_agreement_by_hand():
    """Differences −1, 0, 1 and 2: their mean is 1/2, and the sum of squares around it is 5, so the variance is 5/3."""
    mean, low, high = agreement(np.array([10, 20, 30, 40]), np.array([9, 20, 31, 42]))
    assert mean == 0.5
    assert (high - mean, mean - low) == pytest.approx((1.96 * (5 / 3) ** 0.5,) * 2)
    assert agreement(np.array([3]), np.array([4])) is None


def test_numbers_are_rounded_as_people_read_them():
    values = {13040.2: "13,040", 1234567: "1,235,000", 194.75: "194.8", 0.95523: "0.9552", 0: "0", 2: "2", -3.5: "-3.5"}
    assert {value: rounded(value) for value in values} == values


@pytest.mark.slow
def test_labels_of_large_numbers_do_not_lie_on_each_other():
    svg = histogram("mean", np.arange(3000.0, 46000), title="mean", label="mean", counted="cells")
    labels = re.findall(r">(\d+)</text>", svg)
    assert "40000" in labels
    assert len([label for label in labels if len(label) > 4]) <= 6


def plots():
    true, predicted = np.arange(1, 41), np.arange(1, 41)[::-1]
    yield counts_plot(true, predicted)
    yield bland_altman(true, predicted)
    yield by_threshold([0.5, 0.9], [0.8, 0.2], [0.9, 0.4])
    yield by_size(["< 100", "≥ 100"], [3, 0], [0.5, float("nan")], [0.4, float("nan")])
    yield calibration_plot(np.array([0.6, 0.9]), np.array([0.5, 1.0]), np.array([2, 40]))
    yield histogram("area", np.array([3.0, 4.5, 1e6]), title="<b>", label="area & more", counted="cells")
    yield histogram("one", np.array([0]), title="one", label="cells", counted="images")


@pytest.mark.slow
def test_a_plot_is_a_described_element_without_addresses():
    ids = []
    for svg in plots():
        root = ElementTree.fromstring(svg)  # well-formed
        assert root.tag == "svg"
        assert root.find("title").text
        assert root.find("desc").text
        named = [element.get("id") for element in root.iter() if element.get("id")]
        assert set(root.get("aria-labelledby").split()) < set(named)
        used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)
        assert {first or second for first, second in used} <= set(named)
        ids += named
        assert "http" not in svg
        assert "font-family" not in svg
        assert not [colour for colour in COLOURS if colour in svg]  # all follow the mode of the page
        assert not re.search(r"(fill|stroke): #(?!ffffff)", svg)
    assert len(ids) == len(set(ids))  # on one page


def test_the_same_numbers_make_the_same_plot():
    first, second = (by_threshold([0.5, 0.9], [0.8, 0.2], [0.9, 0.4]) for _ in range(2))
    assert first == second
