"""Which channels of an image a picture shows."""

import numpy as np
import pytest

from inference.files.overlays import Overlay, contact_sheet, draw_outlines, stretched


@pytest.mark.parametrize(
    ("channels", "shown"),
    [(1, [0, 0, 0]), (2, [0, 1, None]), (3, [0, 1, 2]), (4, [0, 1, 2]), (7, [0, 1, 2])],
)
def test_the_channels_of_a_picture(channels, shown):
    """The image has the full range, so that stretching it hardly changes its values."""
    image = np.random.default_rng(0).integers(0, 256, (64, 64, channels), dtype=np.uint8)
    picture = stretched(image)
    assert (picture.shape, picture.dtype) == ((64, 64, 3), np.uint8)
    for colour, channel in enumerate(shown):
        if channel is None:
            assert not picture[..., colour].any()
        else:
            assert np.abs(picture[..., colour].astype(int) - image[..., channel]).max() <= 4


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_sheets_of_images_of_any_channels(channels):
    image, mask = np.full((30, 40, channels), 90, np.uint8), np.zeros((30, 40, 1), np.uint8)
    mask[5:20, 5:20] = 1
    assert draw_outlines(image, [mask[..., 0]], [(255, 0, 0)]).shape == (256, 256, 3)
    sheet = contact_sheet([("row", [Overlay("a", image, mask, mask)])])
    assert sheet.shape[2] == 3


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 2)])
def test_the_size_of_a_sheet(rows, columns):
    """Each row has a title of 22 pixels, tiles of 256, their captions of 22 and a margin of 8; above is the legend."""
    overlay = Overlay("a", np.full((30, 40, 3), 90, np.uint8), *np.zeros((2, 30, 40, 1), np.uint8))
    sheet = contact_sheet([("row", [overlay] * columns)] * rows)
    assert sheet.shape == (22 + 8 + rows * (22 + 256 + 22 + 8), 8 + columns * (256 + 8), 3)
    tile = draw_outlines(overlay.image, [], [])
    for row in range(rows):
        for column in range(columns):
            top, left = 30 + 308 * row + 22, 8 + 264 * column
            assert np.array_equal(sheet[top : top + 256, left : left + 256], tile)
            assert sheet[top + 256 : top + 278, left : left + 100].max() > 200  # the caption
        assert sheet[top - 22 : top, 8:100].max() > 200  # the title
