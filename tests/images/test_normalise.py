"""Normalising: hand counts, NumPy's own statistics, and the same values by both ways."""

import numpy as np
import pytest
import torch

from images.normalise import IMAGENET, IMAGENET_GREY, Normalisation, measure


def test_pixels_become_multiples_of_the_deviation_from_the_mean():
    steps = Normalisation(mean=(0.2, 0.6), std=(0.1, 0.5))
    image = np.array([[[51, 153], [0, 255], [102, 0]]], np.uint8)  # shares 0.2 and 0.6, 0 and 1, 0.4 and 0
    expected = torch.tensor([[[0.0, -2.0, 2.0]], [[0.0, 0.8, -1.2]]])  # [2, 1, 3]
    found = steps(image)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    batch = torch.from_numpy(image.transpose(2, 0, 1))[None]
    assert torch.equal(steps.planes(batch)[0], found)


def test_an_image_that_is_no_square_keeps_its_axes():
    image = np.random.default_rng(0).integers(0, 256, (4, 7, 3), dtype=np.uint8)
    found = IMAGENET(image)
    assert (found.shape, found.dtype) == ((3, 4, 7), torch.float32)
    expected = (image / 255 - IMAGENET.mean) / IMAGENET.std
    np.testing.assert_allclose(found.numpy(), expected.transpose(2, 0, 1), atol=1e-5)


def test_statistics_are_those_of_all_pixels():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((4, 5), (9, 2), (1, 1))]
    pixels = np.concatenate([image.reshape(-1, 3) for image in images]) / 255
    found = measure(iter(images))
    assert found.mean == pytest.approx(pixels.mean(0), abs=1e-12)
    assert found.std == pytest.approx(pixels.std(0), abs=1e-12)


def test_a_constant_channel_is_not_scaled():
    image = np.zeros((10, 10, 2), np.uint8)
    image[..., 0] = 51
    image[:5, :, 1] = 102
    found = measure([image])
    assert found.mean == pytest.approx((0.2, 0.2), abs=1e-12)
    assert found.std == pytest.approx((1, 0.2), abs=1e-12)


def test_it_survives_the_checkpoint():
    for one in (IMAGENET, IMAGENET_GREY, Normalisation((0.1,), (0.2,))):
        assert Normalisation.from_dict(one.to_dict()) == one


def test_the_statistics_of_imagenet():
    """As torchvision documents them."""
    assert (IMAGENET.mean, IMAGENET.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert IMAGENET_GREY.mean == (pytest.approx(np.mean(IMAGENET.mean), abs=1e-12),)
    assert IMAGENET_GREY.std == (pytest.approx(np.mean(IMAGENET.std), abs=1e-12),)
