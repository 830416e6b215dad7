"""Pictures of the page: which pixels have which error, which part is shown, and the colours."""

import numpy as np
import pytest

from report.pictures import (
    COLOURS,
    PIXEL_COLOURS,
    Scene,
    categories,
    error_map,
    outlines,
    page_size,
    scene_of_cells,
    thumbnail,
    window_of,
)


def cells(height=40, width=120):
    """Truth and prediction with one cell of each kind: found, missed, merged with its neighbour, split; one extra."""
    truth, prediction = np.zeros((2, height, width), np.int32)
    truth[5:15, 5:15] = prediction[5:15, 5:15] = 1
    truth[20:30, 5:15] = 2
    truth[5:15, 30:40], truth[5:15, 40:50] = 3, 4
    prediction[5:15, 30:50] = 2
    truth[5:15, 60:80] = 5
    prediction[5:15, 60:70], prediction[5:15, 70:80] = 3, 4
    prediction[20:30, 90:100] = 5
    return truth, prediction


def test_whole_cells_have_their_error():
    truth, prediction = cells()
    found = categories(scene_of_cells(np.zeros((40, 120, 1), np.uint8), truth, prediction))
    assert np.array_equal(found["missed"], np.isin(truth, [2, 3, 4, 5]))
    assert np.array_equal(found["extra"], np.isin(prediction, [2, 3, 4, 5]))
    assert np.array_equal(found["merged"], prediction == 2)
    assert np.array_equal(found["split"], truth == 5)


def test_a_cell_has_the_colour_of_the_error_that_explains_the_others():
    scene = scene_of_cells(np.zeros((40, 120, 1), np.uint8), *cells())
    picture = error_map(scene, np.s_[:, :])
    scale = picture.shape[1] / 120
    inside = {"missed": (25, 10), "merged": (10, 35), "split": (10, 66), "extra": (25, 95)}
    for name, place in inside.items():
        row, column = (int((one + 0.5) * scale) for one in place)
        assert picture[row, column].tolist() == pytest.approx([0.7 * value for value in COLOURS[name]], abs=1)
    row, column = (int((one + 0.5) * scale) for one in (10, 10))
    assert picture[row, column].tolist() == [0, 0, 0]  # a found cell stays as it is


def test_pixels_of_masks_have_their_error_and_void_has_none():
    truth, prediction = np.zeros((2, 1, 6, 2), np.uint8)
    void = np.zeros((1, 6, 2), bool)
    truth[0, 0] = prediction[0, 0] = (1, 0)  # right
    truth[0, 1] = (1, 0)  # missed
    prediction[0, 2] = (0, 1)  # extra
    truth[0, 3], prediction[0, 3] = (1, 0), (0, 1)  # the wrong class
    prediction[0, 4] = (1, 0)
    void[0, 4] = True
    found = categories(Scene(np.zeros((1, 6, 1), np.uint8), truth, prediction, void=void))
    assert {name: np.flatnonzero(pixels[0]).tolist() for name, pixels in found.items()} == {
        "missed": [1],
        "extra": [2],
        "wrong class": [3],
    }
    assert set(PIXEL_COLOURS) == set(found)


@pytest.mark.parametrize("shape", [(50, 50), (100, 40), (300, 170)])
def test_the_window_has_the_most_errors(shape):
    wrong = np.random.default_rng(0).random(shape) < 0.02
    wrong[-20:, -20:] = True
    rows, columns = window_of(wrong, side=64)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (min(64, shape[0]), min(64, shape[1]))
    assert (rows.stop, columns.stop) == shape  # the lower right corner
    best = max(
        wrong[top : top + 64, left : left + 64].sum()
        for top in {*range(0, max(1, shape[0] - 63), 8), max(0, shape[0] - 64)}
        for left in {*range(0, max(1, shape[1] - 63), 8), max(0, shape[1] - 64)}
    )
    assert wrong[rows, columns].sum() == best


def test_a_small_image_is_shown_whole():
    assert window_of(np.zeros((30, 50), bool)) == (slice(0, 30), slice(0, 50))
    assert page_size((30, 50), 400) == (240, 400)
    assert page_size((1, 5000), 400) == (1, 400)
    assert thumbnail(np.zeros((600, 300, 3), np.uint8), 300).shape == (300, 150, 3)
    assert thumbnail(np.zeros((20, 10, 3), np.uint8), 300).shape == (20, 10, 3)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("classes", [1, 3])
def test_images_of_any_channels_and_masks_of_any_classes_are_drawn(channels, classes):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (40, 60, channels), np.uint8)
    truth, prediction = rng.integers(0, 2, (2, 40, 60, classes), np.uint8)
    scene = Scene(image, truth, prediction)
    assert outlines(scene, np.s_[:, :]).shape == error_map(scene, np.s_[:, :]).shape == (267, 400, 3)
