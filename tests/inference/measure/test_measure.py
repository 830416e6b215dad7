"""`python -m inference.measure` on label maps of any origin."""

import csv
import re
import time

import numpy as np
import pandas as pd
import pytest
import tifffile
from skimage.measure import regionprops_table
from support.measured_maps import random_labels, random_pixels

import inference.measure.__main__ as measure
from system.csv_text import unguarded


def write_pair(folder, name, seed):
    labels = random_labels(seed).astype(np.uint16)
    pixels = random_pixels(1, labels.shape)[..., 0]
    for kind, array in (("labels", labels), ("images", pixels)):
        (folder / kind / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / kind / f"{name}.tif", array)
    return labels, pixels


@pytest.fixture
def run_measure(run_main, monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "ROOT", tmp_path, raising=False)
    return lambda *arguments: run_main(measure, *arguments)


def test_folders_agree_with_scikit_image(run_measure, tmp_path):
    pairs = {name: write_pair(tmp_path, name, seed) for seed, name in enumerate(["A/a", "B/a", "b"]) if seed != 1}
    pairs["B/a"] = write_pair(tmp_path, "B/a", 4)
    out = tmp_path / "out"
    code, text, err = run_measure(tmp_path / "labels", tmp_path / "images", "--out", out, "--pixel-size", "0.5")
    assert code == 0, err
    found = pd.read_csv(out / "cells.csv")
    assert f"cells   {len(found):,} in 3 images" in text
    for name, (labels, pixels) in pairs.items():
        own = found[found["image"] == name]
        properties = ("label", "area", "perimeter", "solidity", "intensity_mean", "intensity_min", "centroid")
        expected = regionprops_table(labels, pixels[..., None], properties=properties)
        for column, values in expected.items():
            np.testing.assert_allclose(own[column], values, rtol=1e-9)
        np.testing.assert_allclose(own["area_um2"], expected["area"] / 4, rtol=1e-9)
    images = pd.read_csv(out / "images.csv")
    assert images["image"].tolist() == ["A/a", "B/a", "b"]
    assert images["cells"].tolist() == [
        len(np.unique(pairs[name][0])) - (0 in pairs[name][0]) for name in images["image"]
    ]


def test_label_maps_alone_have_no_intensities(run_measure, tmp_path):
    write_pair(tmp_path, "a", 0)
    code, _, err = run_measure(tmp_path / "labels", "--out", tmp_path / "out")
    assert code == 0, err
    header = (tmp_path / "out" / "cells.csv").read_text().splitlines()[0]
    assert "area" in header
    assert "intensity" not in header
    assert "_um" not in header


def test_problems_are_listed_and_the_rest_is_measured(run_measure, tmp_path):
    labels, _ = write_pair(tmp_path, "good", 0)
    write_pair(tmp_path, "other size", 0)
    tifffile.imwrite(tmp_path / "images" / "other size.tif", np.zeros((3, 4), np.uint8))
    tifffile.imwrite(tmp_path / "labels" / "lonely.tif", labels)
    write_pair(tmp_path, "fractions", 0)
    tifffile.imwrite(tmp_path / "labels" / "fractions.tif", labels + np.float32(0.5))
    write_pair(tmp_path, "torn", 0)
    (tmp_path / "labels" / "torn.tif").write_bytes((tmp_path / "labels" / "good.tif").read_bytes()[:200])
    code, text, err = run_measure(tmp_path / "labels", tmp_path / "images", "--out", tmp_path / "out")
    assert code == 3
    assert "in 1 images" in text
    assert "4 of 5 could not be used:" in err
    for words in ("lonely.tif: no image has the name", "but its image", "fractions.tif: values from", "torn.tif"):
        assert words in err
    assert set(pd.read_csv(tmp_path / "out" / "cells.csv")["image"]) == {"good"}


def test_hostile_names(run_measure, tmp_path):
    names = ["=cmd|calc!A0", "a,b", 'a"b', "<b>x</b>".replace("/", "_"), "细胞 ö", "'a", "-1", "@x", "a;=b"]
    for name in names:
        write_pair(tmp_path, name, 0)
    code, _, err = run_measure(tmp_path / "labels", tmp_path / "images", "--out", tmp_path / "out")
    assert code == 0, err
    with (tmp_path / "out" / "images.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sorted(unguarded(row["image"]) for row in rows) == sorted(names)
    assert not [row for row in rows if row["image"][0] in "=+-@"]


def test_an_empty_label_map(run_measure, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 6), np.uint16))
    code, text, err = run_measure(tmp_path / "a.tif", "--out", tmp_path / "out")
    assert code == 0, err
    assert "cells   0 in 1 images" in text
    assert len((tmp_path / "out" / "cells.csv").read_text().splitlines()) == 1


def test_pixel_sizes_come_from_the_image(run_measure, tmp_path):
    pixels = write_pair(tmp_path, "a", 0)[1]
    tifffile.imwrite(tmp_path / "images" / "a.tif", pixels, resolution=(20_000, 20_000), resolutionunit=3)
    assert run_measure(tmp_path / "labels", tmp_path / "images", "--out", tmp_path / "out")[0] == 0
    (row,) = csv.DictReader((tmp_path / "out" / "images.csv").read_text().splitlines())
    assert (row["pixel_size_um-0"], row["pixel_size_from"]) == ("0.5", "TIFF tags")
    found = pd.read_csv(tmp_path / "out" / "cells.csv")
    np.testing.assert_allclose(found["area_um2"], found["area"] / 4)


def test_usage_errors(run_measure, tmp_path):
    write_pair(tmp_path, "a", 0)
    write_pair(tmp_path / "used", "a", 0)
    labels, images = tmp_path / "labels", tmp_path / "images"
    for arguments, words in (
        ((tmp_path / "absent", "--out", tmp_path / "out"), "LABELS .*absent: it does not exist"),
        ((labels, tmp_path / "absent", "--out", tmp_path / "out"), "IMAGES .*absent: it does not exist"),
        ((labels, images, "--out", tmp_path / "used"), "exists already, and nothing is overwritten"),
        ((labels, "--out", tmp_path / "out", "--pixel-size", "0"), "--pixel-size 0: give the side of a pixel in µm"),
        ((labels, "--out", tmp_path / "out", "--plane", "y"), "plane 'y'"),
    ):
        code, _, err = run_measure(*arguments)
        assert code == 2, err
        assert re.search(words, err), err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made(run_measure, tmp_path):
    """A file stands where the parent should be; the tests may run as a user who may write anywhere."""
    write_pair(tmp_path, "a", 0)
    (tmp_path / "file").write_text("")
    code, _, err = run_measure(tmp_path / "labels", "--out", tmp_path / "file" / "out")
    assert code == 6
    assert "this folder cannot be made" in err


@pytest.mark.slow
def test_a_hundred_thousand_cells(run_measure, tmp_path):
    """320 × 320 squares of 5×5 pixels; the time is that of a busy machine, far above what is needed."""
    numbers = np.arange(1, 320**2 + 1, dtype=np.uint32).reshape(320, 320)
    labels = np.kron(numbers, np.pad(np.ones((5, 5), np.uint32), ((0, 2), (0, 2))))
    tifffile.imwrite(tmp_path / "a.tif", labels, compression="zlib")
    started = time.monotonic()
    code, text, err = run_measure(tmp_path / "a.tif", "--out", tmp_path / "out")
    assert code == 0, err
    assert "cells   102,400 in 1 images" in text
    assert time.monotonic() - started < 100
    found = pd.read_csv(tmp_path / "out" / "cells.csv")
    assert (found["label"] == np.arange(1, 102_401)).all()
    assert set(found["area"]) == {25}
    assert set(found["solidity"]) == {1.0}
    assert set(found["perimeter"]) == {16.0}  # of a square, between the middles of its border pixels
