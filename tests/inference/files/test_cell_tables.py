"""The tables of cells: one for each image, and one of all images."""

import csv

import numpy as np
import pandas as pd
import pytest
from skimage.measure import regionprops_table
from support.measured_maps import random_pixels

from images.pixel_size import PixelSize
from inference.files.cell_tables import CellTables
from inference.measurements.columns import sorted_columns
from inference.measurements.measuring import MeasuredImage
from system.csv_text import unguarded
from system.errors import DiskError

HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-2",
    "@x",
    "a,b",
    'a"b',
    "'a",
    "a;=b",
    "<script>alert(1)</script>",
    "细胞",
    "é ü",
]


def two_cells(channels=1, size=None, warning=""):
    """A label map of 4×6 pixels with a cell of 4 and one of 2 pixels, and its image."""
    labels = np.zeros((4, 6), np.int32)
    labels[1:3, 1:3], labels[3, 4:] = 1, 2
    return labels, MeasuredImage.of_array(random_pixels(1, labels.shape)[..., [0] * channels], size, warning)


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_cells_csv_agrees_with_scikit_image(tmp_path):
    labels, image = two_cells(channels=3)
    tables = CellTables(tmp_path)
    tables.write("a", labels, confidences=np.array([0.75, 1]), image=image)
    assert tables.write_summary(["a"]) == 2
    found = pd.read_csv(tmp_path / "cells.csv")
    properties = ("label", "area", "bbox", "centroid", "perimeter", "solidity", "intensity_mean", "intensity_max")
    for name, values in regionprops_table(labels, image.rows(0, 4), properties=properties).items():
        np.testing.assert_allclose(found[name], values, rtol=1e-9)
    assert found["image"].tolist() == ["a", "a"]
    assert found["confidence"].tolist() == [0.75, 1]
    assert found["touches_edge"].tolist() == [0, 1]


def test_images_csv_by_hand(tmp_path):
    labels, image = two_cells(size=PixelSize(0.5, 2, "OME-XML"), warning="odd\r\n =tags")
    tables = CellTables(tmp_path)
    tables.write("a", labels, confidences=np.array([0.5, 1]), image=image)
    tables.write_summary(["a"])
    (row,) = rows_of(tmp_path / "images.csv")
    assert row == {
        "image": "a",
        "cells": "2",
        "median_area": "3",
        "mean_confidence": "0.7500",
        "foreground_share": "0.250000",  # 6 of 24
        "height": "4",
        "width": "6",
        "median_area_um2": "3",
        "cells_per_mm2": f"{2 / 24e-6:.10g}",
        "pixel_size_um-0": "0.5",
        "pixel_size_um-1": "2",
        "pixel_size_from": "OME-XML",
        "warnings": "odd =tags; the pixels are not square, so that there is no perimeter_um",
    }


def test_images_of_different_columns_share_a_table(tmp_path):
    """A grey image with a pixel size and a confidence, an RGB image without, and one without cells."""
    tables = CellTables(tmp_path)
    labels, image = two_cells(size=PixelSize(2, 2, "given"))
    tables.write("grey", labels, confidences=np.ones(2), image=image)
    tables.write("rgb", *two_cells(channels=3)[:1], image=two_cells(channels=3)[1])
    tables.write("empty", 0 * labels, image=image)
    assert tables.write_summary(["empty", "grey", "rgb"]) == 4
    found = pd.read_csv(tmp_path / "cells.csv")
    assert list(found.columns) == ["image", *sorted_columns(found.columns[1:])]
    assert found["image"].tolist() == ["grey", "grey", "rgb", "rgb"]
    assert found["area"].tolist() == [4, 2, 4, 2]
    assert found["area_um2"].tolist()[:2] == [16, 8]
    assert found["area_um2"].isna().tolist() == [False, False, True, True]
    assert found["intensity_mean-2"].isna().tolist() == [True, True, False, False]
    assert found["confidence"].isna().tolist() == [False, False, True, True]
    same = ["intensity_mean-0", "perimeter", "solidity"]
    assert found[same][:2].to_numpy().tolist() == found[same][2:].to_numpy().tolist()
    assert [row["warnings"] for row in rows_of(tmp_path / "images.csv")] == ["no cells", "", ""]


def test_columns_stand_in_the_order_of_regionprops_table():
    names = [
        "confidence",
        "intensity_min-0",
        "intensity_mean-10",
        "intensity_mean-2",
        "solidity",
        "label",
        "odd",
        "x-1",
    ]
    expected = ["label", "solidity", "intensity_mean-2", "intensity_mean-10", "intensity_min-0", "confidence"]
    assert sorted_columns(names) == [*expected, "odd", "x-1"]


def test_hostile_names_are_one_cell_of_text(tmp_path):
    tables = CellTables(tmp_path)
    for name in HOSTILE:
        tables.write(name.replace("/", "_"), *two_cells()[:1], image=two_cells()[1])
    names = [name.replace("/", "_") for name in HOSTILE]
    tables.write_summary(names)
    for file, times in (("cells.csv", 2), ("images.csv", 1)):
        rows = rows_of(tmp_path / file)
        assert [unguarded(row["image"]) for row in rows] == [name for name in names for _ in range(times)]
        assert not [row["image"] for row in rows if row["image"][0] in "=+-@"]
        assert {len(row) for row in rows} == {len(rows[0])}
    assert sorted(unguarded(name) for name in pd.read_csv(tmp_path / "images.csv")["image"]) == sorted(names)


def test_without_measuring_there_are_counts_only(tmp_path):
    def rows(top, bottom):
        raise AssertionError("the pixels are not needed")

    labels, _ = two_cells()
    tables = CellTables(tmp_path, measures=False)
    tables.write("a", labels, image=MeasuredImage(rows, 3, PixelSize(1, 1, "given")))
    assert tables.write_summary(["a"]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["counts", "images.csv"]
    assert rows_of(tmp_path / "images.csv")[0]["median_area_um2"] == "3"


def test_no_images_at_all(tmp_path):
    assert CellTables(tmp_path).write_summary([]) == 0
    assert (tmp_path / "cells.csv").read_text() == "image,label\n"


def test_a_folder_that_cannot_be_written_is_a_disk_error(tmp_path):
    (tmp_path / "cells").write_text("a file where the folder should be")
    with pytest.raises(DiskError, match="cannot be written"):
        CellTables(tmp_path).write("a", two_cells()[0])
