"""Borders between touching objects: drawn by hand, and against distances."""

import numpy as np
import pytest

from tasks.border import border_map


def drawn(*rows):
    return np.array([[int(digit) for digit in row] for row in rows], np.uint16)


def test_touching_nuclei_have_a_border_of_the_pixels_that_touch():
    labels = drawn("000000", "011220", "011220", "000000")
    # Background above and below a seam has both nuclei only at a distance of √2, outside a radius of 1.
    assert (border_map(labels, 1) == drawn("000000", "001100", "001100", "000000")).all()
    assert (border_map(labels, 1.5) == drawn("001100", "001100", "001100", "001100")).all()
    assert (border_map(labels, 2)[1] == drawn("011110")).all()


def test_a_gap_of_one_pixel_is_border_and_a_wider_one_is_not():
    assert (border_map(drawn("1110222"), 1) == drawn("0001000")).all()
    assert (border_map(drawn("1110222"), 2) == drawn("0011100")).all()
    assert (border_map(drawn("11100222"), 1) == drawn("00000000")).all()
    assert (border_map(drawn("11100222"), 2) == drawn("00011000")).all()


def test_a_single_nucleus_and_the_frame_have_no_border():
    labels = drawn("1100", "1100", "0000", "0003")
    assert not border_map(labels, 1).any()
    assert not border_map(np.ones((3, 3), np.uint16), 3).any()
    assert not border_map(np.zeros((3, 3), np.uint16), 3).any()


def test_three_nuclei_ids_of_any_size_and_their_order():
    labels = drawn("1122", "1122", "3333").astype(np.int32)
    expected = drawn("0110", "1111", "1111")
    assert (border_map(labels, 1) == expected).all()
    large = np.array([0, 2**31 - 1, 2**31 - 2, 70_000], np.int32)[labels]  # which differ beyond float32's digits
    assert (border_map(large, 1) == expected).all()


@pytest.mark.parametrize("radius", [1, 1.5, 2, 3.7])
def test_borders_are_where_two_distances_are_small(radius):
    labels = np.random.default_rng(0).integers(1, 5, (12, 15)) * (np.random.default_rng(1).random((12, 15)) < 0.05)
    places = np.stack(np.mgrid[:12, :15], -1).reshape(-1, 2)
    distances = [
        np.linalg.norm(places[:, None] - np.argwhere(labels == i), axis=-1).min(1).reshape(12, 15)
        for i in np.unique(labels[labels > 0])
    ]
    second = np.sort(distances, axis=0)[1]
    assert (border_map(labels, radius) == (second <= radius)).all()
    assert 0 < (second <= radius).sum() < second.size
