"""Ways to predict: two passes, and the counts that they are compared by."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.scores.choices import Counts, median_diameter, second_pass
from benchmarks.table.columns import COLUMNS
from inference.cells.decoding import Decoding


def squares(side, step, size=128):
    """[H, W] int32 with squares."""
    labels = np.zeros((size, size), np.int32)
    for number, start in enumerate(range(4, size - side, step), start=1):
        labels[start : start + side, start : start + side] = number
    return labels


def test_the_median_diameter_is_that_of_discs():
    labels = squares(10, 20)
    labels[0, 0] = 50  # a speck among larger ones, and ids with a gap
    assert median_diameter(labels) == pytest.approx(2 * 10 / np.sqrt(np.pi))
    assert median_diameter(np.zeros((8, 8), np.int32)) is None


@pytest.mark.parametrize(("usual", "side"), [(24.0, 256), (6.0, 64), (12.0, 128), (1000.0, 256), (0.1, 64)])
def test_the_second_pass_sees_cells_of_the_usual_size(usual, side):
    truth, seen = squares(12, 24), []

    def maps(image):
        seen.append(image.shape)
        return (image[None, :, :, 0] > 0).astype(np.float32)

    how = Decoding(method="components")
    found = SimpleNamespace(
        prediction=np.where(truth, truth, 0),
        labels=truth,
        stored=(truth[..., None] > 0).astype(np.uint8).repeat(3, 2),
        predictor=SimpleNamespace(maps=maps),
        how=how,
    )
    mask, labels = second_pass(found, usual * 2 / np.sqrt(np.pi))
    assert seen == [(side, side, 3)]
    assert mask.shape == labels.shape == truth.shape
    counts = Counts()
    counts.add("a", truth, mask, labels)
    scored = counts.scored()
    numerator, denominator = COLUMNS["ap_50"].ratio(scored)
    assert float(numerator.sum() / denominator.sum()) == 1
    assert scored.pixels.shape == (1, 1, 3)
    assert scored.pixels[0, 0, 0] > 0.8 * np.count_nonzero(truth)
