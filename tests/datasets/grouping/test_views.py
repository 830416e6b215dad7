"""What is kept of an image."""

import numpy as np
import pytest

from datasets.grouping.views import kind_of, view_of


def spots(background, foreground, shape=(256, 256, 1), dtype=np.uint8):
    """A tenth of the rows shows objects."""
    image = np.full(shape, background, dtype)
    image[::10] = foreground
    return image


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (spots(10, 200), "grey on dark, 256 px"),
        (spots(230, 40), "grey on bright, 256 px"),
        (spots(10, 200, (256, 256, 3)), "grey on dark, 256 px"),
        (spots((240, 230, 240), (120, 40, 140), (520, 696, 3)), "coloured on bright, 512 px"),
        (spots((0, 0, 0), (200, 0, 200), (64, 64, 3)), "coloured on dark, 64 px"),
        (spots((11, 10, 10), (200, 200, 201), (256, 256, 3)), "grey on dark, 256 px"),  # a tint is no colour
        (spots(300, 9000, (1024, 1024, 1), np.uint16), "grey on dark, 1024 px"),
        (spots(0.9, 0.1, (90, 90, 5), np.float32), "5 channels on bright, 64 px"),
        (np.zeros((1, 1, 3), np.uint8), "grey on dark, 1 px"),
    ],
)
def test_kinds(image, kind):
    assert kind_of(image) == kind


def test_edges_are_the_means_of_the_channels():
    image = np.arange(2 * 3 * 2, dtype=np.uint8).reshape(2, 3, 2)  # means 0.5, 2.5, 4.5 above 6.5, 8.5, 10.5
    view = view_of(image)
    assert view.size == (2, 3)
    edges = {side: line.tolist() for side, line in view.edges.items()}
    assert edges == {"left": [0.5, 6.5], "right": [4.5, 10.5], "top": [0.5, 2.5, 4.5], "bottom": [6.5, 8.5, 10.5]}
