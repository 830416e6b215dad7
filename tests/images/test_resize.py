"""Resizing keeps image and mask over each other, and masks hard."""

import cv2
import numpy as np
import pytest

from images.resize import resize_image, resize_labels, resize_mask

SIZES = [(96, 96), (50, 75), (300, 260), (128, 400)]


def disc():
    mask = np.zeros((200, 180), np.uint8)
    cv2.circle(mask, (60, 120), 37, 1, -1)
    return mask


def relative_centroid(array):
    """Centre of mass in units of the size, 0.5 for the middle of the picture."""
    weights = array.astype(float)
    rows, columns = (np.arange(n) + 0.5 for n in weights.shape)
    return (
        (weights.sum(1) @ rows / weights.sum() / len(rows)),
        (weights.sum(0) @ columns / weights.sum() / len(columns)),
    )


@pytest.mark.parametrize("size", SIZES)
def test_image_mask_and_labels_keep_one_centroid(size):
    mask = disc()
    expected = relative_centroid(mask)
    image = resize_image(np.dstack([mask * 255] * 3), size)
    for resized in (image[..., 0], resize_mask(mask, size), resize_labels(mask.astype(np.uint16), size)):
        assert resized.shape == size
        # half a pixel of the original: as near as a nearest neighbour can be where four pixels become one
        assert relative_centroid(resized) == pytest.approx(expected, abs=0.5 / 180)


def test_the_control_shows_that_inter_nearest_shifts():
    """The negative control: cv2.INTER_NEAREST fails the test above."""
    shifted = cv2.resize(disc(), (75, 50), interpolation=cv2.INTER_NEAREST)
    assert np.abs(np.subtract(relative_centroid(shifted), relative_centroid(disc()))).max() > 2 * 0.5 / 180


@pytest.mark.parametrize("size", SIZES)
def test_masks_stay_hard(size):
    assert set(np.unique(resize_mask(disc(), size))) == {0, 1}
    assert resize_mask(disc().astype(bool), size).dtype == np.uint8


def test_half_covered_is_foreground():
    mask = np.zeros((4, 4), np.uint8)
    mask[:2, :1] = 1  # half of the first of four pixels
    mask[2, 2] = 1  # a quarter of the last
    assert resize_mask(mask, (2, 2)).tolist() == [[1, 0], [0, 0]]


def test_large_label_ids_survive():
    labels = np.array([[0, 300], [65535, 257]], np.uint16)
    assert resize_labels(labels, (4, 4)).tolist() == np.kron(labels, np.ones((2, 2), int)).tolist()


def test_a_channel_and_the_same_size_are_kept():
    image = np.zeros((8, 8, 1), np.uint8)
    assert resize_image(image, (4, 4)).shape == (4, 4, 1)
    assert resize_image(image, (8, 8)) is image


def test_maps_are_bilinear():
    ramp = np.linspace(0, 1, 8, dtype=np.float32)[None].repeat(4, 0)
    centres = (np.arange(16) + 0.5) / 2 - 0.5  # of the new pixels, counted in old ones
    np.testing.assert_allclose(resize_image(ramp, (8, 16))[3], np.interp(centres, np.arange(8), ramp[0]), atol=1e-6)
    assert resize_image(ramp, (2, 4)).shape == (2, 4)


@pytest.mark.parametrize("channels", [5, 7])
def test_many_channels_are_resized_one_by_one(channels):
    image = np.random.default_rng(0).integers(0, 256, (40, 30, channels)).astype(np.uint8)
    resized = resize_image(image, (20, 15))
    assert resized.shape == (20, 15, channels)
    for channel in range(channels):
        assert np.array_equal(resized[..., channel], resize_image(image[..., channel], (20, 15)))
