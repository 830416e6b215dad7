"""Amounts of stain, by hand and against scikit-image."""

import numpy as np
from skimage.color import hed2rgb, rgb2hed, rgb_from_hed

from datasets.draws.stains import change_stains

ONE, ZERO = np.ones(3), np.zeros(3)


def test_factors_of_one_and_summands_of_zero_change_nothing():
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    assert np.abs(change_stains(image, ONE, ZERO).astype(int) - image).max() <= 1  # rounding in float32


def test_white_has_no_stain_and_only_summands_colour_it():
    white = np.full((2, 2, 3), 255, np.uint8)
    assert (change_stains(white, 1.3 * ONE, ZERO) == 255).all()
    # 0.1 of haematoxylin alone: each channel falls to 256 · exp(−0.1 · its share) − 1.
    expected = np.rint(256 * np.exp(-0.1 * rgb_from_hed[0]) - 1)
    assert (change_stains(white, ONE, np.array([0.1, 0, 0])) == expected).all()
    assert expected[0] < 255


def test_more_haematoxylin_is_what_scikit_image_gives():
    """scikit-image cuts negative amounts off; so the image is composed of amounts that are positive."""
    amounts = np.random.default_rng(1).uniform(0.02, 0.12, (8, 8, 3))
    image = np.rint(255 * hed2rgb(amounts)).astype(np.uint8)
    more = rgb2hed(image) * [1.2, 0.9, 1]
    ours = change_stains(image, np.array([1.2, 0.9, 1.0]), ZERO)
    assert np.abs(ours.astype(float) - 255 * hed2rgb(more)).max() < 2.5  # it does not add the 1 to the brightness
    assert np.abs(ours.astype(int) - image).max() > 10
