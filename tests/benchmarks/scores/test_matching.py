"""The table of matches, counted by hand."""

from types import SimpleNamespace

import numpy as np

from benchmarks.scores.matching import agreement, moved


def square(side):
    labels = np.zeros((side + 4, side + 4), np.uint16)
    labels[:side, :side] = 7
    return labels


def test_a_label_map_moves_by_two_pixels_and_nothing_comes_back():
    labels = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 2]])
    assert moved(labels).tolist() == [[0, 0, 0], [0, 0, 0], [0, 0, 1]]


def test_matches_of_three_squares():
    """The moved squares share 4 of 28 pixels, 64 of 136 (.47), and 256 of 392 (.653)."""
    lines = agreement([square(4), square(10), square(18)], None).splitlines()
    assert lines[0] == "3 label maps, 3 objects, moved by two pixels"
    assert lines[4] == "| 0.50 | 1 | 0 | not installed |"
    assert lines[7] == "| 0.65 | 1 | 0 | not installed |"
    assert lines[8] == "| 0.70 | 0 | 0 | not installed |"


def test_figures_of_the_other_library_stand_beside_ours():
    def matching_dataset(truths, founds, thresh, show_progress):
        return [SimpleNamespace(tp=round(100 * t)) for t in thresh]

    lines = agreement([square(18)], SimpleNamespace(matching_dataset=matching_dataset)).splitlines()
    assert lines[4] == "| 0.50 | 1 | 0 | 50 |"
    assert lines[13] == "| 0.95 | 0 | 0 | 95 |"
