"""Each number by a hand count, or by a property that it must have."""

import math

import cv2
import numpy as np
import pytest

from images.statistics.features import (
    LEVELS,
    colour_statistics,
    contrast_of_cells,
    object_statistics,
    pixel_statistics,
    windows_of,
)


def test_quantiles_and_contrast_by_hand():
    image = np.repeat(np.array([[10, 20, 30, 250]], np.uint8), 4, axis=0).repeat(4, axis=1).repeat(4, axis=0)[..., None]
    found = pixel_statistics([image])
    quantiles = [found[f"intensity_q{quantile:02d}-0"] for quantile in (5, 25, 50, 75, 95)]
    assert quantiles == [10, 10, 20, 30, 250]  # the lowest value that so many pixels do not exceed
    assert found["contrast-0"] == pytest.approx(np.std([10, 20, 30, 250]))


def test_sharpness_and_grain_of_a_chessboard_by_hand():
    """Each inner pixel differs from its four neighbours by 100: |Laplacian| = 400. The variance is 50²."""
    image = (np.indices((64, 64)).sum(0) % 2 * 100).astype(np.uint8)[..., None]
    found = pixel_statistics([image])
    assert found["grain-0"] == 400
    assert found["sharpness-0"] == pytest.approx(400**2 / 50**2, rel=0.05)  # pixels at the border differ less
    assert found["contrast-1"] == 0  # averages of 2×2 pixels are all equal
    assert math.isnan(found["sharpness-1"])
    assert found["texture_scale"] == pytest.approx(2)  # all is in the finest octave


def test_a_reduced_image_has_the_numbers_of_the_next_level():
    image = cv2.GaussianBlur(np.random.default_rng(0).normal(128, 40, (256, 256)), (0, 0), 2).clip(0, 255)
    image = image.astype(np.uint8)
    half = cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA)
    whole, reduced = (pixel_statistics([one[..., None]]) for one in (image, half))
    for name in ("contrast", "sharpness"):
        for level in range(3):
            assert reduced[f"{name}-{level}"] == pytest.approx(whole[f"{name}-{level + 1}"], rel=0.1)
    assert whole["texture_scale"] / reduced["texture_scale"] == pytest.approx(2, rel=0.15)


def test_a_blur_lowers_the_sharpness_and_a_stretch_of_the_intensities_does_not():
    image = np.random.default_rng(1).integers(50, 100, (128, 128)).astype(np.uint8)
    images = image, 2 * image, cv2.GaussianBlur(image, (0, 0), 2)
    sharp, stretched, soft = (pixel_statistics([one[..., None]])["sharpness-0"] for one in images)
    assert stretched == pytest.approx(sharp)
    assert soft < sharp / 20


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (8, 8), (40, 7)])
def test_small_and_constant_images_have_numbers_or_nan_and_no_error(shape):
    found = pixel_statistics([np.full((*shape, 3), 9, np.uint8)])
    assert found["intensity_q50-2"] == 9
    assert len(found) == 15 + 3 * LEVELS + 1
    assert math.isnan(found["sharpness-0"])


def test_the_sign_of_the_contrast_is_that_of_the_cells():
    image, mask = np.full((10, 10, 1), 40, np.uint8), np.zeros((10, 10), np.uint8)
    image[2:4, 2:4], mask[2:4, 2:4] = 100, 1
    assert contrast_of_cells([image], [mask]) == 60
    assert contrast_of_cells([255 - image], [mask]) == -60
    assert math.isnan(contrast_of_cells([image], [0 * mask]))


def test_the_diameter_is_that_of_a_circle_of_the_median_area():
    found = object_statistics(np.array([10, 100, 1000]))
    assert found == {"objects": 3, "object_diameter": pytest.approx(math.sqrt(400 / math.pi))}
    assert math.isnan(object_statistics(np.array([], int))["object_diameter"])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.int32])
def test_saturation_by_hand(kind):
    pixels = np.array([[[100, 50, 0], [40, 40, 40]]], kind)
    assert colour_statistics([pixels]) == {"channels": 3, "saturation": pytest.approx(100 / 140)}
    assert colour_statistics([pixels[:, 1:]]) == {"channels": 1, "saturation": 0}  # RGB without colours
    assert colour_statistics([pixels[..., :1]]) == {"channels": 1, "saturation": 0}
    assert math.isnan(colour_statistics([np.zeros((2, 2, 5), kind)])["saturation"])


def test_windows_of_a_large_image_are_the_whole_of_a_small_one():
    assert windows_of((700, 900)) == [(slice(0, 700), slice(0, 900))]
    for shape in ((5000, 3000), (100, 20000), (3, 2**21)):
        windows = windows_of(shape)
        assert len(windows) <= 16
        covered = sum((rows.stop - rows.start) * (columns.stop - columns.start) for rows, columns in windows)
        assert covered <= 2**20
        assert windows[-1][0].stop == shape[0]
        assert windows[-1][1].stop == shape[1]


def test_a_quantile_is_the_first_value_that_so_many_pixels_do_not_exceed():
    """Of 400 pixels 20 have the value 3, which are 5 %, and 380 have 9: one pixel less, and 9 is the lowest."""
    image = np.full((20, 20, 1), 9, np.uint8)
    image[0] = 3
    assert pixel_statistics([image])["intensity_q05-0"] == 3
    image[0, 0] = 9
    assert pixel_statistics([image])["intensity_q05-0"] == 9
    image[:] = 9
    image[:19] = 3
    assert pixel_statistics([image])["intensity_q95-0"] == 3
    image[0, 0] = 9
    assert pixel_statistics([image])["intensity_q95-0"] == 9


def test_the_last_column_of_an_odd_image_is_left_out_of_its_half():
    image = np.random.default_rng(2).integers(0, 256, (64, 65, 1)).astype(np.uint8)
    image[:, :64] = cv2.GaussianBlur(image[:, :64, 0], (0, 0), 3)[..., None]
    image[:, 64] = 255
    odd, even = (pixel_statistics([one]) for one in (image, image[:, :64]))
    assert odd["contrast-1"] == even["contrast-1"]
    assert odd["contrast-0"] > even["contrast-0"]
