"""The drawn map of the benchmark of measurements."""

import numpy as np

from benchmarks.prediction.measurements import SIDE, drawn


def test_every_cell_of_the_drawn_map_has_pixels():
    labels, pixels = drawn(90, 2)
    assert labels.shape == (10 * SIDE, 10 * SIDE)
    assert np.array_equal(np.unique(labels), np.arange(101))
    assert (pixels.shape, pixels.dtype) == ((*labels.shape, 2), np.uint16)
