"""Changing, cutting and resizing images of any number of channels: each channel as an image of one channel."""

import numpy as np
import pytest
import torch

from datasets.augment import Augmentation
from datasets.batch_augment import CHANGED, BatchAugmentation
from datasets.crop import at_least
from images.resize import resize_image

CHANNELS = [2, 4, 5, 7, 128]  # OpenCV 5 handles four at once in some functions, and 128 in the others


def picture(channels, size=(24, 24)):
    return np.random.default_rng(channels).integers(0, 256, (*size, channels), dtype=np.uint8)


@pytest.mark.parametrize("square", [True, False])
@pytest.mark.parametrize("channels", CHANNELS)
def test_every_channel_is_changed_like_a_grey_image(channels, square):
    image, mask = picture(channels), picture(2) % 2
    augment = Augmentation(square=square, colour=False)
    looks = set()
    for seed in range(12):
        changed, changed_mask = augment(image, mask, seed=seed)
        assert (changed.shape, changed.dtype) == (image.shape, np.uint8)
        for channel in {0, 1, channels - 1}:
            alone, alone_mask = augment(image[..., [channel]], mask, seed=seed)
            assert np.array_equal(alone[..., 0], changed[..., channel])
            assert np.array_equal(alone_mask, changed_mask)
        looks.add(changed.tobytes())
    assert len(looks) > 6


@pytest.mark.parametrize("channels", CHANNELS)
def test_batches_on_a_device_are_changed_channel_by_channel(channels):
    augment = BatchAugmentation(square=True, colour=False)
    numbers = np.random.default_rng(0).random((40, BatchAugmentation.NUMBERS))
    changes = torch.from_numpy(augment.colour_changes(numbers))
    images = torch.randint(0, 256, (40, channels, 4, 4)).float()
    changed = augment.change(images.clone(), changes)
    for channel in {0, channels - 1}:
        alone = augment.change(images[:, [channel]].clone(), changes)
        assert torch.equal(changed[:, [channel]], alone)
    different = (changed != images).flatten(1).any(1).float().mean().item()
    assert different == pytest.approx((numbers[:, 1] < CHANGED).mean(), abs=0.06)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", [(20, 20), (45, 33), (12, 12), (40, 10)])
def test_every_channel_is_resized_like_a_grey_image(channels, size):
    image = picture(channels, (24, 37))
    resized = resize_image(image, size)
    assert resized.shape == (*size, channels)
    for channel in {0, 1, channels - 1}:
        assert np.abs(resized[..., channel].astype(int) - resize_image(image[..., channel], size)).max() <= 1


@pytest.mark.parametrize("channels", [1, 3, *CHANNELS])
def test_small_images_are_mirrored_at_their_edges(channels):
    image = picture(channels, (3, 5))
    padded = at_least(image, (7, 6))
    rows, columns = [0, 1, 2, 2, 1, 0, 0], [0, 1, 2, 3, 4, 4]  # by hand: the edge itself is there twice
    assert np.array_equal(padded, image[rows][:, columns])
