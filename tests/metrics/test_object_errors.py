"""Errors of objects on drawn maps, counted by hand and by a second, slow way."""

import numpy as np
import pytest

from metrics import match_labels, object_errors


def row_of(*runs):
    """A label map of one row from (id, length) pairs."""
    return np.array([[number for number, length in runs for _ in range(length)]], np.int32)


CASES = {
    "the same": (row_of((1, 4), (0, 2), (2, 4)), row_of((1, 4), (0, 2), (2, 4)), (0, 0, 0, 0)),
    "nothing is predicted": (row_of((1, 4), (0, 2), (2, 4)), row_of((0, 10)), (2, 0, 0, 0)),
    "nothing is true": (row_of((0, 10)), row_of((1, 4), (0, 2), (2, 4)), (0, 2, 0, 0)),
    "an IoU of exactly a half is no match": (row_of((1, 4), (0, 6)), row_of((1, 2), (0, 8)), (1, 1, 0, 0)),
    "two equal cells become one": (row_of((1, 5), (2, 5)), row_of((1, 10)), (2, 1, 1, 0)),
    "a large cell swallows a small one, and still matches": (row_of((1, 8), (2, 2)), row_of((1, 10)), (1, 0, 1, 0)),
    "one cell becomes two": (row_of((1, 10)), row_of((1, 5), (2, 5)), (1, 2, 0, 1)),
    "a cell loses a small part, and still matches": (row_of((1, 10)), row_of((1, 8), (2, 2)), (0, 1, 0, 1)),
    "half of two cells is enough for a merge": (
        row_of((1, 4), (2, 4)),
        row_of((0, 2), (1, 4), (0, 2)),
        (2, 1, 1, 0),
    ),
    "less than half of the second is no merge": (
        row_of((1, 4), (2, 5)),
        row_of((1, 6), (0, 3)),
        (1, 0, 0, 0),
    ),
    "less than half of the second part is no split": (
        row_of((1, 6), (0, 3)),
        row_of((1, 4), (2, 5)),
        (0, 1, 0, 0),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_errors_counted_by_hand(name):
    truth, prediction, (missed, extra, merged, split) = CASES[name]
    found = object_errors(match_labels(truth, prediction)).counts()
    assert found == {"missed": missed, "extra": extra, "merged": merged, "split": split}


def test_random_maps_agree_with_masks_of_every_pair():
    rng = np.random.default_rng(3)
    seen = {"missed": 0, "extra": 0, "merged": 0, "split": 0}
    for _ in range(60):
        truth, prediction = (np.repeat(rng.integers(0, 5, 12), rng.integers(1, 5, 12))[None] for _ in range(2))
        width = min(truth.shape[1], prediction.shape[1])
        truth, prediction = truth[:, :width], prediction[:, :width]
        objects = [truth == t for t in np.unique(truth[truth > 0])]
        found = [prediction == p for p in np.unique(prediction[prediction > 0])]

        def matches(a, b):
            return (a & b).sum() > 0.5 * (a | b).sum()

        expected = {
            "missed": sum(not any(matches(t, p) for p in found) for t in objects),
            "extra": sum(not any(matches(t, p) for t in objects) for p in found),
            "merged": sum(sum((t & p).sum() >= t.sum() / 2 for t in objects) >= 2 for p in found),
            "split": sum(sum((t & p).sum() >= p.sum() / 2 for p in found) >= 2 for t in objects),
        }
        assert object_errors(match_labels(truth, prediction)).counts() == expected
        seen = {name: seen[name] + expected[name] for name in seen}
    assert min(seen.values()) > 5  # the control: every error occurs
