"""Random windows: the same of image and mask, every position, mirrored where the image is smaller."""

from collections import Counter

import numpy as np

from datasets.crop import random_crop


def pair(height, width):
    """An image whose first channel is the row and whose second is the column, and a mask of its odd rows."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return np.dstack([rows, columns, rows * 0]), (rows % 2)[..., None]


def test_image_and_mask_are_cut_alike_at_every_position():
    image, masks = pair(7, 6)
    corners = Counter()
    for seed in range(400):
        window, cut = random_crop(image, masks, (4, 5), seed=seed)
        assert (window.shape, cut.shape) == ((4, 5, 3), (4, 5, 1))
        assert (cut[..., 0] == window[..., 0] % 2).all()
        assert (np.diff(window[..., 0].astype(int), axis=0) == 1).all()
        corners[tuple(window[0, 0, :2].tolist())] += 1
    assert set(corners) == {(y, x) for y in range(4) for x in range(2)}
    assert min(corners.values()) > 25  # 50 expected for each of the eight


def test_a_window_is_a_function_of_its_seed():
    image, masks = pair(40, 40)
    assert (random_crop(image, masks, (8, 8), seed=5)[0] == random_crop(image, masks, (8, 8), seed=5)[0]).all()
    assert (random_crop(image, masks, (8, 8), seed=5)[0] != random_crop(image, masks, (8, 8), seed=6)[0]).any()


def test_small_images_are_mirrored():
    image, masks = pair(3, 2)
    window, cut = random_crop(image, masks, (5, 4), seed=0)
    assert window[:, 0, 0].tolist() == [0, 1, 2, 2, 1]
    assert window[0, :, 1].tolist() == [0, 1, 1, 0]
    assert (cut[..., 0] == window[..., 0] % 2).all()
    assert random_crop(image[:1, :1, :1], masks[:1, :1], (16, 16), seed=0)[0].shape == (16, 16, 1)
