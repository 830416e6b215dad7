"""Mean and standard deviation of the images of a run."""

import numpy as np
import pytest

from images import normalise
from images.normalise import channel_sums, measure, normalisation_of


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 3), (64, 33, 1), (40, 41, 7), (1, 500, 4)])
@pytest.mark.parametrize("at_once", [2**24, 10, 1])
def test_the_sums_are_those_of_whole_numbers(monkeypatch, shape, at_once):
    monkeypatch.setattr(normalise, "COUNTED", at_once)
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for one in (image, image[:, ::-1], np.full_like(image, 255)):
        pixels = one.reshape(-1, shape[2]).astype(object)  # whole numbers of any size
        expected = [[len(pixels)] * shape[2], pixels.sum(0).tolist(), (pixels**2).sum(0).tolist()]
        assert channel_sums(one).tolist() == expected


def test_more_pixels_than_float32_can_count():
    image = np.full((2**24 + 3, 1, 1), 255, np.uint8)
    assert channel_sums(image)[:, 0].tolist() == [2**24 + 3, 255 * (2**24 + 3), 255**2 * (2**24 + 3)]


def test_the_sums_of_parts_are_those_of_the_whole():
    images = np.random.default_rng(1).integers(0, 256, (9, 8, 8, 3), dtype=np.uint8)
    assert normalisation_of(sum(map(channel_sums, images))) == measure(images) == measure(images[::-1])
    mean = images.reshape(-1, 3).mean(0) / 255
    assert np.allclose(measure(images).mean, mean, rtol=1e-12)
    assert np.allclose(measure(images).std, images.reshape(-1, 3).std(0) / 255, rtol=1e-9)


def test_a_constant_channel_is_not_scaled():
    assert measure([np.full((4, 4, 1), 51, np.uint8)]) == normalise.Normalisation((0.2,), (1.0,))
