"""Polygons and run-length codes against hand counts, scikit-image and pycocotools."""

import numpy as np
import pytest
from skimage.draw import polygon as polygon_of_skimage

from datasets.prepare.coco.regions import MAX_CROSSINGS, fill_polygon, fill_runs, join
from images.labels.run_lengths import decode_runs


def drawn(region, shape):
    window, inside = region
    out = np.zeros(shape, bool)
    out[window] = inside
    return out


def random_polygon(rng, *, crossing):
    """[n, 2] x, y: a star, partly outside of an image of 40 × 50, or points in any order."""
    n = rng.integers(3, 30)
    if crossing:
        return rng.uniform(-10, 60, (n, 2))
    angles, radii = np.sort(rng.uniform(0, 2 * np.pi, n)), rng.uniform(5, 25, n)
    centre = rng.uniform(0, 45, 2)
    return centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_a_polygon_counted_by_hand():
    """The corners of pixels: columns 1 to 3, rows 1 and 2. Half a pixel more takes no further centre."""
    expected = np.zeros((5, 6), bool)
    expected[1:3, 1:4] = True
    for more in (0, 0.49):
        corners = np.array([[1, 1], [1, 3 + more], [4 + more, 3 + more], [4 + more, 1]], float)
        assert np.array_equal(drawn(fill_polygon(corners, (5, 6)), (5, 6)), expected)
    expected[3, 1:4] = True  # the control
    corners = np.array([[1, 1], [1, 3.51], [4, 3.51], [4, 1]])
    assert np.array_equal(drawn(fill_polygon(corners, (5, 6)), (5, 6)), expected)


def test_neighbours_with_a_common_edge_share_no_pixel_and_leave_none_out():
    left, right = np.array([[0, 0], [3.3, 0], [5.7, 8], [0, 8]]), np.array([[3.3, 0], [9, 0], [9, 8], [5.7, 8]])
    both = [drawn(fill_polygon(one, (8, 9)), (8, 9)).astype(int) for one in (left, right)]
    assert (both[0] + both[1] == 1).all()


@pytest.mark.parametrize("seed", range(40))
def test_polygons_are_those_of_scikit_image(seed):
    rng = np.random.default_rng(seed)
    points = random_polygon(rng, crossing=seed % 2)
    expected = np.zeros((40, 50), bool)
    expected[polygon_of_skimage(points[:, 1] - 0.5, points[:, 0] - 0.5, expected.shape)] = True
    assert np.array_equal(drawn(fill_polygon(points, (40, 50)), (40, 50)), expected)


def test_polygons_without_pixels_and_with_too_many_crossings():
    assert fill_polygon(np.array([[1.6, 1.6], [1.9, 1.6], [1.9, 1.9]]), (5, 5))[1].size == 0
    assert not fill_polygon(np.array([[9, 1], [12, 1], [12, 3.0]]), (5, 5))[1].any()
    zigzag = np.array([[0, 0], [1, 5000.0]] * (MAX_CROSSINGS // 5000))
    with pytest.raises(ValueError, match=r"crosses the rows of the image \d+ times"):
        fill_polygon(zigzag, (5000, 5))
    assert fill_polygon(zigzag, (2000, 5))[1].shape[0] == 2000


def test_join():
    squares = [
        fill_polygon(np.array([[a, a], [a + 2, a], [a + 2, a + 2], [a, a + 2]], float), (9, 9)) for a in (1, 2, 6)
    ]
    expected = np.zeros((9, 9), bool)
    for a in (1, 2, 6):
        expected[a : a + 2, a : a + 2] = True
    assert np.array_equal(drawn(join(squares), (9, 9)), expected)
    assert join([])[1].size == 0


def test_runs_counted_by_hand():
    """Columns first: of an image of 3 × 4, pixels 2 to 4 are the end of column 0 and the first two of column 1."""
    expected = np.array([[0, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]], bool)
    assert np.array_equal(drawn(fill_runs([2, 3, 7], (3, 4)), (3, 4)), expected)
    assert np.array_equal(drawn(fill_runs([2, 1, 0, 2, 7], (3, 4)), (3, 4)), expected)
    assert drawn(fill_runs([0, 12], (3, 4)), (3, 4)).all()
    assert fill_runs([12], (3, 4))[1].size == 0


@pytest.mark.parametrize(
    "runs", [[3, 3], [-1, 13], [13, -1], [2**62, 2**62], [1.5, 10.5], ["2", "10"], [[2], [10]], []]
)
def test_runs_that_do_not_fit_the_image(runs):
    with pytest.raises(ValueError, match=r"its (\d+ )?runs"):
        fill_runs(runs, (3, 4))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize("seed", range(30))
def test_codes_and_polygons_of_pycocotools(seed):
    """Codes agree to the bit. Polygons differ in a part of the outline, because pycocotools rounds to fifths."""
    theirs = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 90, 2).tolist())
    mask = rng.random(shape) < rng.choice([0, 0.02, 0.5, 1])
    code = theirs.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert np.array_equal(drawn(fill_runs(decode_runs(code), shape), shape), mask)
    points = random_polygon(rng, crossing=False)
    other = theirs.decode(theirs.merge(theirs.frPyObjects([points.ravel().tolist()], 40, 50))).astype(bool)
    ours = drawn(fill_polygon(points, (40, 50)), (40, 50))
    length = np.hypot(*(np.roll(points, -1, axis=0) - points).T).sum()
    assert np.count_nonzero(ours != other) <= 0.3 * length + 2
