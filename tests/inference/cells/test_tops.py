"""Prominent tops are the regional maxima of scikit-image's reconstruction, and found much faster."""

import cv2
import numpy as np
import pytest
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction

from inference.cells.tops import prominent_tops


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("prominence", [1.0, 2.0])
def test_there_is_one_top_in_each_regional_maximum_of_the_reconstruction(seed, prominence):
    rng = np.random.default_rng(seed)
    height = 4 * cv2.GaussianBlur(rng.integers(0, 8, (30, 40)).astype(np.float32), (0, 0), rng.uniform(0.6, 2))
    if seed % 2:
        height = np.rint(height)  # plateaus, and tops that are equally high
    # A rise of exactly `prominence` counts; the reconstruction needs a little less for that.
    lowered = reconstruction(height - prominence + 1e-3, height, footprint=np.ones((3, 3)))
    regions = label(local_maxima(lowered, connectivity=2), connectivity=2)
    tops = prominent_tops(height, np.ones(height.shape, bool), prominence)
    numbers = label(tops, connectivity=2)
    assert numbers.max() == regions.max() > 1
    assert sorted(set(regions[tops])) == list(range(1, regions.max() + 1))


def test_tops_by_hand():
    height = np.array([[1, 5, 4, 6, 1, 3, 3, 0]], np.float32)
    everywhere = np.ones(height.shape, bool)
    assert prominent_tops(height, everywhere, 1.0).tolist() == [[0, 1, 0, 1, 0, 1, 1, 0]]
    assert prominent_tops(height, everywhere, 1.5).tolist() == [[0, 0, 0, 1, 0, 1, 1, 0]]
    assert prominent_tops(height, everywhere, 9.0).tolist() == [[0, 0, 0, 1, 0, 0, 0, 0]]
    apart = height > 1  # what lies outside of the mask is lower than everything inside
    assert prominent_tops(height, apart, 9.0).tolist() == [[0, 0, 0, 1, 0, 1, 1, 0]]
    assert not prominent_tops(height, ~everywhere, 1.0).any()


def test_the_end_of_a_plateau_that_rises_elsewhere_is_no_top():
    height = np.array([[0, 3, 3, 3, 4, 0], [0, 0, 0, 0, 0, 0]], np.float32)
    assert prominent_tops(height, height > 0, 0.5).tolist() == [[0, 0, 0, 0, 1, 0], [0] * 6]
