"""Components of blocks join to those of the whole image, as SciPy finds them there."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from inference.cells.seams import Box, Seams, blocks_of


def joined_in_blocks(mask, block, connectivity):
    """[H, W] numbers of components, found block by block."""
    seams, found = Seams(mask.shape, connectivity=connectivity), np.zeros(mask.shape, np.int32)
    for box in blocks_of(mask.shape, block):
        count, components = cv2.connectedComponents(mask[box.slices].astype(np.uint8), connectivity=connectivity)
        found[box.slices] = np.where(components > 0, components + seams.add(box, components, count - 1), 0)
    table, count = seams.joined()
    return table[found], count


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("density", [0.0, 0.3, 0.42, 0.6, 1.0])
@pytest.mark.parametrize(("shape", "block"), [((40, 53), 8), ((33, 64), 16), ((5, 7), 1), ((1, 30), 7), ((20, 20), 50)])
def test_components_are_those_of_the_whole_image(connectivity, density, shape, block):
    mask = np.random.default_rng(0).random(shape) < density
    expected, number = ndimage.label(mask, np.ones((3, 3)) if connectivity == 8 else None)
    found, count = joined_in_blocks(mask, block, connectivity)
    assert count == number
    assert ((found > 0) == mask).all()
    pairs = np.unique(np.stack([expected[mask], found[mask]]), axis=1)
    assert len(pairs[0]) == number  # one to one


def test_diagonals_where_four_blocks_meet_join_only_with_eight_neighbours():
    for first, second in (((3, 3), (4, 4)), ((3, 4), (4, 3))):
        mask = np.zeros((8, 8), bool)
        mask[first] = mask[second] = True
        assert joined_in_blocks(mask, 4, 8)[1] == 1
        assert joined_in_blocks(mask, 4, 4)[1] == 2


def test_blocks_cover_every_pixel_once_and_grow_as_far_as_the_image():
    seen = np.zeros((10, 17), int)
    for box in blocks_of(seen.shape, 4):
        seen[box.slices] += 1
        grown = box.grown(2, seen.shape)
        inner = np.zeros(seen.shape, bool)
        inner[box.slices] = True
        assert inner[grown.slices][box.within(grown)].all()
    assert (seen == 1).all()
    assert Box(4, 0, 8, 4).grown(3, (10, 17)) == Box(1, 0, 10, 7)
