"""The measurements agree with scikit-image, on random label maps and by strips of any height."""

import tracemalloc

import numpy as np
import pytest
from support.measured_maps import LARGEST, OF_SPACING, by_scikit_image, compare, random_labels, random_pixels

from images.pixel_size import PixelSize
from inference.measurements import hulls, runs
from inference.measurements.measuring import MeasuredImage, measure_cells


@pytest.mark.parametrize("seed", range(50))
def test_random_label_maps_agree_with_scikit_image(seed, monkeypatch):
    monkeypatch.setattr(runs, "PIXELS_AT_ONCE", (2**20, 1, 300)[seed % 3])  # of which 1 makes strips of one row
    monkeypatch.setattr(hulls, "ROWS_AT_ONCE", (2**20, 5)[seed % 2])
    labels = random_labels(seed)
    pixels = random_pixels(seed, labels.shape)
    found, expected = measure_cells(labels, MeasuredImage.of_array(pixels)), by_scikit_image(labels, pixels)
    assert found.keys() == expected.keys() | {"touches_edge"}
    assert all(len(values) == len(expected["label"]) for values in found.values())
    compare(found, expected)


def test_the_random_maps_have_what_is_hard():
    maps = [random_labels(seed) for seed in range(50)]
    assert {labels.dtype.name for labels in maps} == {"int32", "uint32", "int64", "uint64"}
    assert sum(labels.max() == LARGEST for labels in maps) > 20
    areas = np.concatenate([np.unique(labels[labels > 0], return_counts=True)[1] for labels in maps])
    assert (areas == 1).sum() > 20
    touching = [labels for labels in maps if ((labels[:, 1:] != labels[:, :-1]) & (labels[:, 1:] > 0)).any()]
    assert len(touching) > 40


def test_a_comparison_can_fail():
    labels = random_labels(0)
    found = measure_cells(labels)
    wrong = by_scikit_image(labels, properties=("perimeter",))
    wrong["perimeter"][0] += 1e-6
    with pytest.raises(AssertionError):
        compare(found, wrong)


def test_a_cell_by_hand():
    """Rows 1 and 2 of the columns 2 to 4, without the pixel (1, 4): five pixels."""
    labels = np.zeros((4, 5), np.uint16)
    labels[1:3, 2:5] = 7
    labels[1, 4] = 0
    pixels = np.zeros((4, 5, 2), np.uint16)
    pixels[..., 0][labels > 0] = [1, 2, 3, 4, 60_000]
    table = measure_cells(labels, MeasuredImage.of_array(pixels, PixelSize(0.5, 2.0, "given")))
    values = {name: column.tolist() for name, column in table.items()}
    assert (values["label"], values["area"], values["area_um2"]) == ([7], [5], [5.0])
    assert [values[f"bbox-{side}"] for side in range(4)] == [[1], [2], [3], [5]]
    assert (values["centroid-0"], values["centroid-1"]) == ([1.6], [2.8])
    assert (values["centroid-0_um"], values["centroid-1_um"]) == ([0.8], [5.6])
    assert values["touches_edge"] == [1]  # column 4 is the last
    # In row 1 the hull ends at the right side of the pixel (1, 3), so that the missing pixel lies outside.
    assert values["solidity"] == [1.0]
    assert (values["intensity_min-0"], values["intensity_max-0"]) == ([1.0], [60_000.0])
    assert values["intensity_mean-0"] == [12_002.0]
    assert (values["intensity_mean-1"], values["intensity_std-1"]) == ([0.0], [0.0])
    assert "perimeter_um" not in values  # the pixels are not square


@pytest.mark.parametrize(
    ("place", "touches"), [((1, 1), 0), ((0, 1), 1), ((1, 0), 1), ((2, 1), 1), ((1, 2), 1), ((2, 2), 1)]
)
def test_a_cell_touches_the_edge_if_one_of_its_pixels_lies_there(place, touches):
    labels = np.zeros((3, 3), np.int32)
    labels[place] = 1
    assert measure_cells(labels)["touches_edge"].tolist() == [touches]


@pytest.mark.parametrize("size", [(0.5, 0.5), (0.325, 0.65)])
def test_micrometres_agree_with_the_spacing_of_scikit_image(size):
    labels = random_labels(4)
    image = MeasuredImage.of_array(random_pixels(1, labels.shape), PixelSize(*size, "given"))
    found = measure_cells(labels, image)
    expected = by_scikit_image(labels, properties=(*OF_SPACING, "centroid"), spacing=size)
    for name, values in expected.items():
        ours = found["area_um2" if name == "area" else f"{name}_um"]
        np.testing.assert_allclose(ours**2, values**2, rtol=1e-9, atol=1e-9, err_msg=name)
    if size[0] == size[1]:
        expected = by_scikit_image(labels, properties=("perimeter",), spacing=size)
        np.testing.assert_allclose(found["perimeter_um"], expected["perimeter"], rtol=1e-9)


@pytest.mark.parametrize("shape", [(5, 7), (1, 1), (3000, 1)])
def test_an_empty_map_has_all_columns_and_no_rows(shape):
    image = MeasuredImage.of_array(np.zeros((*shape, 2), np.uint8), PixelSize(1, 1, "given"))
    table = measure_cells(np.zeros(shape, np.int32), image)
    assert {len(values) for values in table.values()} == {0}
    assert {"perimeter_um", "solidity", "intensity_std-1"} <= table.keys()


def test_cells_far_from_the_corner_lose_no_digits():
    """Sums of squared coordinates from the corner would have an error of 1e-7 here."""
    near = np.zeros((40, 40), np.int32)
    near[10:30:3, 10:30] = 1
    far = np.zeros((40, 300_000), np.int32)
    far[:, -40:] = near
    ours, theirs = measure_cells(far), by_scikit_image(near, properties=("axis_major_length", "axis_minor_length"))
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-12)


def test_label_maps_and_pixels_may_lie_in_files(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "PIXELS_AT_ONCE", 500)
    labels = random_labels(6).astype(np.uint32)
    pixels = random_pixels(2, labels.shape)
    stored = np.memmap(tmp_path / "labels", np.uint32, "w+", shape=labels.shape)
    stored[:] = labels
    asked = []

    def rows(top, bottom):
        asked.append((top, bottom))
        return pixels[top:bottom]

    found = measure_cells(stored, MeasuredImage(rows, pixels.shape[2]))
    compare(found, by_scikit_image(labels, pixels))
    assert asked == [(top, min(top + asked[0][1], len(labels))) for top in range(0, len(labels), asked[0][1])]
    assert len(asked) > 1


def test_given_ids_are_those_that_are_found():
    labels = random_labels(0)
    ids = np.arange(1, labels.max() + 1)
    present = np.isin(ids, labels)
    assert np.array_equal(runs.ids_of(labels), ids[present])
    found = measure_cells(labels, ids=ids[present])
    compare(found, by_scikit_image(labels, properties=("label", "area", "perimeter", "solidity")))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_pixels(tmp_path):
    """Maps of 48 and 192 MB with the same number of cells need about 9 MB."""
    peaks = []
    for height in (6000, 24_000):
        labels = np.memmap(tmp_path / f"{height}", np.uint32, "w+", shape=(height, 2000))
        for number, top in enumerate(range(0, height, height // 100), start=1):
            labels[top : top + 50, 100:150] = number
        rows = lambda top, bottom: np.ones((bottom - top, 2000, 1), np.uint16)
        tracemalloc.start()
        assert len(measure_cells(labels, MeasuredImage(rows, 1))["label"]) == 100
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] < 30e6
