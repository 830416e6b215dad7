"""cells.csv of label maps in files agrees with scikit-image, in pixels and in the µm that the images' files state."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from support.measured_maps import (
    OF_SPACING,
    PIXEL_SIZES,
    by_scikit_image,
    compare,
    random_labels,
    random_pixels,
    write_image,
)

import inference.measure.__main__ as measure

DIGITS = 2e-9  # cells.csv has ten digits


@pytest.mark.slow
def test_fifty_random_maps_in_files_agree_with_scikit_image(run_main, tmp_path):
    maps = {}
    for seed in range(50):
        kind, name = list(PIXEL_SIZES)[seed % 3], f"map {seed:02d}"
        labels = random_labels(seed).astype(np.uint32)
        pixels = random_pixels(seed, labels.shape)  # floats with tags, 8 bits in OME, 16 bits in ImageJ
        pixels = pixels.astype(np.float32) if kind == "TIFF tags" else pixels  # as floats of 64 bits are read
        for folder in ("labels", "images"):
            (tmp_path / folder).mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "labels" / f"{name}.tif", labels)
        write_image(tmp_path / "images" / f"{name}.tif", pixels, kind)
        maps[name] = kind, labels, pixels[..., :1] if kind == "TIFF tags" else pixels
    code, _, err = run_main(measure, tmp_path / "labels", tmp_path / "images", "--out", tmp_path / "out")
    assert code == 0, err
    images = pd.read_csv(tmp_path / "out" / "images.csv").set_index("image")
    table = pd.read_csv(tmp_path / "out" / "cells.csv")
    assert sorted(images.index) == sorted(maps) == sorted(table["image"].unique())
    for name, (kind, labels, pixels) in maps.items():
        own = table[table["image"] == name].dropna(axis=1, how="all")
        found = {column: own[column].to_numpy() for column in own}
        expected = by_scikit_image(labels, pixels.astype(np.float64))
        compare(found, expected, DIGITS)
        compare_micrometres(found, labels, PIXEL_SIZES[kind])
        row = images.loc[name]
        assert (row["pixel_size_from"], row["cells"]) == (kind, len(own))
        assert (row["pixel_size_um-0"], row["pixel_size_um-1"]) == pytest.approx(PIXEL_SIZES[kind], rel=1e-6)


def compare_micrometres(found, labels, size):
    """All columns in µm, and no others, are those of scikit-image with this spacing."""
    square = size[0] == size[1]
    properties = (*OF_SPACING, "centroid", *(["perimeter"] if square else []))
    expected = by_scikit_image(labels, properties=properties, spacing=size)
    names = {"area_um2" if name == "area" else f"{name}_um" for name in expected}
    assert names == {name for name in found if name.endswith(("_um", "_um2"))}
    for name, values in expected.items():
        ours = found["area_um2" if name == "area" else f"{name}_um"]
        # The tags keep fractions of 32 bits, and a length near 0 is the root of a difference.
        np.testing.assert_allclose(ours**2, values**2, rtol=1e-6, atol=1e-9, err_msg=name)


def test_a_comparison_can_fail():
    labels = random_labels(0)
    expected = by_scikit_image(labels, properties=("centroid",))
    with pytest.raises(AssertionError):
        compare({name: values + 1e-6 for name, values in expected.items()}, expected, DIGITS)
