"""Areas of objects by hand, in masks and in label maps."""

import numpy as np
import pytest

from images.objects import FEW, areas_of, median_diameter

MASK = np.array(
    [
        [1, 1, 0, 0, 1],
        [0, 0, 1, 0, 0],  # touches the first two pixels at a corner
        [0, 0, 0, 0, 0],
        [1, 0, 0, 1, 1],
    ],
    np.uint8,
)


def test_connected_pixels_are_an_object_also_over_corners():
    assert sorted(areas_of(MASK, None)) == [1, 1, 2, 3]
    assert len(areas_of(np.zeros((3, 3), np.uint8), None)) == 0


def test_pixels_two_rows_apart_are_not_connected():
    assert list(areas_of(np.array([[1], [0], [1]], np.uint8), None)) == [1, 1]


@pytest.mark.parametrize("far", [9, FEW, FEW + 1, 2**31 - 1])
def test_labels_are_counted_by_their_ids_inside_of_the_mask(far):
    labels = np.where(MASK > 0, 3, 7)  # 7 lies outside of the mask only
    labels[3, 3:] = far
    labels[0, 0] = 0
    assert list(areas_of(MASK, labels)) == [4, 2]  # two ids, however far apart: 3 and `far`


def test_the_diameter_of_the_median_area():
    assert median_diameter(np.array([1, np.pi * 25, 9999])) == pytest.approx(10)
