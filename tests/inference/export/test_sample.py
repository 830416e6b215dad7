"""The tiles of an export: the middle of each image."""

import cv2
import numpy as np
import pytest

from images.image_reader import ImageReader
from inference.export.sample import drawn_tiles, tiles_of


@pytest.mark.parametrize("size", [(20, 28), (28, 20), (48, 16)])
def test_a_tile_is_the_middle_of_its_image_and_small_images_are_filled_up(size, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (40, 44, 3)).astype(np.uint8)
    assert cv2.imwrite(str(tmp_path / "a.png"), image[..., ::-1])
    (tile,) = tiles_of([tmp_path / "a.png"], ImageReader(3), size=size, resized=False)
    assert tile.shape == (3, *size)
    height, width = min(size[0], 40), min(size[1], 44)
    top, left = (40 - height) // 2, (44 - width) // 2
    middle = image[top : top + height, left : left + width].transpose(2, 0, 1)
    assert any(
        np.array_equal(tile[:, row : row + height], middle[..., : tile.shape[2]]) for row in range(size[0] - height + 1)
    )


def test_a_resized_tile_is_the_whole_image(tmp_path):
    image = np.full((40, 44), 7, np.uint8)
    image[:20] = 200
    assert cv2.imwrite(str(tmp_path / "a.png"), image)
    (tile,) = tiles_of([tmp_path / "a.png"], ImageReader(1), size=(20, 22), resized=True)
    assert (tile[0, :10] == 200).all()
    assert (tile[0, 10:] == 7).all()


def test_noise_in_the_place_of_images():
    assert drawn_tiles(3, 2, (8, 9)).shape == (3, 2, 8, 9)
    assert drawn_tiles(3, 2, (8, 9)).dtype == np.uint8
