"""Scaling to uint8 and changing channels; expected values from hand counts and properties."""

import numpy as np
import pytest

from images.intensity import counts_of, measure_limits, range_of_counts, to_channels, to_uint8
from system.errors import DataError


def column(values, dtype=np.float32):
    return np.array(values, dtype).reshape(-1, 1, 1)


def test_uint8_passes_through_untouched():
    image = np.random.default_rng(0).integers(90, 110, (4, 5, 3), np.uint8)
    assert to_uint8(image) is image
    assert to_uint8(image, (0, 50)) is image


def test_uint8_is_stretched_where_asked():
    image = column([100] * 9 + [150] + [200] * 9, np.uint8)
    assert to_uint8(image, stretch=True).ravel().tolist() == [0] * 9 + [128] + [255] * 9
    assert to_uint8(image, (0, 200), stretch=True).ravel()[[0, -1]].tolist() == [128, 255]


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.uint32, np.int64, np.float16, np.float32])
def test_given_limits_become_0_and_255_linearly_clipped_and_rounded(dtype):
    # 255 * (v - 100) / 510 is (v - 100) / 2; numpy rounds halves to even: 0.5 → 0, 1.5 → 2
    image = column([0, 100, 101, 103, 110, 609, 610, 900], dtype)
    scaled = to_uint8(image, (100, 610))
    assert scaled.dtype == np.uint8
    assert scaled.ravel().tolist() == [0, 0, 0, 2, 5, 254, 255, 255]
    assert image.ravel()[1] == 100  # the input is not written to


def test_robust_percentiles_leave_out_dead_and_hot_pixels():
    """Of 100 001 even steps 0.1 % at each end is cut: 100 and 99 900 become 0 and 255."""
    ramp = np.arange(100_001, dtype=np.int32)
    ramp[0], ramp[-1] = -(2**31), 2**31 - 1
    scaled = to_uint8(ramp.reshape(-1, 1, 1)).ravel()
    assert scaled[[0, 100, 50_100, 99_900, -1]].tolist() == [0, 0, 128, 255, 255]  # the third is 127.8
    assert scaled[[99_899 - 200, 100 + 197]].tolist() == [254, 1]  # 254.49 and 0.503


def test_channels_share_one_scale():
    image = np.dstack([np.full((64, 64), 1000), np.full((64, 64), 2000), np.full((64, 64), 3000)]).astype(np.uint16)
    assert to_uint8(image)[0, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("value", [0, 7, 65_535])
def test_a_constant_image_becomes_zeros(value):
    assert not to_uint8(np.full((4, 5, 3), value, np.uint16)).any()


def test_a_few_bright_pixels_on_a_constant_ground_are_not_lost():
    image = np.full((100, 100, 1), 300, np.uint16)
    image[3, 4] = 900
    assert np.flatnonzero(to_uint8(image)).tolist() == [304]
    assert to_uint8(image).max() == 255


def test_values_near_the_ends_of_their_dtype():
    for dtype in (np.int32, np.int64, np.uint32):
        ends = np.iinfo(dtype)
        assert to_uint8(column([ends.min] * 9 + [ends.max] * 9, dtype)).ravel().tolist() == [0] * 9 + [255] * 9
    largest = np.finfo(np.float32).max
    assert to_uint8(column([-largest] * 9 + [largest] * 9)).ravel().tolist() == [0] * 9 + [255] * 9


@pytest.mark.parametrize("limits", [(5, 5), (6, 5), (float("nan"), 5)])
def test_limits_that_enclose_nothing_are_refused(limits):
    with pytest.raises(ValueError, match="the first must be below the second"):
        to_uint8(column([1, 2]), limits)


def test_run_wide_limits_pool_all_images():
    images = [np.full((16, 16, 1), value, np.uint16) for value in (100, 5000, 900)]
    assert measure_limits(images) == (100, 5000)
    assert to_uint8(images[2], measure_limits(images)).max() == round(255 * 800 / 4900)


def test_run_wide_limits_of_a_sample_come_near_those_of_all_pixels_and_are_the_same_each_time():
    images = [np.random.default_rng(i).uniform(0, 1000, (300, 200, 3)).astype(np.float32) for i in range(20)]
    low, high = measure_limits(iter(images))
    assert measure_limits(images) == (low, high)
    assert low == pytest.approx(1, abs=0.5)  # uniform from 0 to 1000: the percentiles are 1 and 999
    assert high == pytest.approx(999, abs=0.5)


def test_run_wide_limits_of_nothing_are_refused():
    with pytest.raises(ValueError, match="no images"):
        measure_limits([])
    with pytest.raises(DataError, match=r"all pixels measured are 7\.0"):
        measure_limits([np.full((4, 4, 1), 7, np.uint16)])


def test_grey_is_repeated_and_rgb_becomes_luminance():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    rgb = to_channels(grey, 3)
    assert rgb.shape == (16, 16, 3)
    assert (rgb == grey).all()
    assert (to_channels(rgb, 1) == grey).all()
    assert to_channels(grey, 1) is grey
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]]], np.uint8)
    assert to_channels(primaries, 1).tolist() == [[[76], [150], [29], [226]]]  # 76.2, 149.7, 29.1, 225.9


@pytest.mark.parametrize(("found", "asked"), [(2, 3), (3, 2), (4, 3), (1, 4)])
def test_other_channels_are_refused(found, asked):
    with pytest.raises(ValueError, match=f"{found} channels to {asked}; allowed are 1 and 3"):
        to_channels(np.zeros((4, 5, found), np.uint8), asked)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_counted_percentiles_are_numpys(dtype):
    draw = np.random.default_rng(0)
    for count in [1, 2, 3, 999, 1001, 2**20 + 7, *draw.integers(2, 3000, 50)]:
        values = (draw.random(count) ** 3 * draw.integers(1, 256)).astype(dtype).reshape(-1, 1, 1)
        low, high = np.percentile(values.astype(np.float32), (0.1, 99.9)).tolist()
        if low < high:
            exact = np.percentile(values.astype(np.float64), (0.1, 99.9)).tolist()
            assert list(range_of_counts(counts_of(values))) == exact
            expected = np.rint((values.astype(np.float32) - low) * (255 / (high - low))).clip(0, 255)
            assert np.array_equal(to_uint8(values, stretch=True), expected.astype(np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_an_image_of_many_blocks_is_converted_like_its_rows(dtype):
    image = (np.random.default_rng(0).random((1100, 1000, 3)) * 250).astype(dtype)
    rows = [to_uint8(row, (20, 200), stretch=True) for row in image[:, None]]
    assert np.array_equal(to_uint8(image, (20, 200), stretch=True), np.concatenate(rows))
    eight_bits = image.astype(np.uint8)
    assert np.array_equal(to_channels(eight_bits, 1), np.concatenate([to_channels(row[None], 1) for row in eight_bits]))


def test_a_percentile_between_two_values_is_rounded_as_numpy_does():
    """NumPy interpolates from the nearer end; from the other end, the last bit of this one would differ."""
    values = np.array([111, 190], np.uint8)
    assert range_of_counts(counts_of(values))[1] == np.percentile(values.astype(np.float64), 99.9) == 189.92100000000002
