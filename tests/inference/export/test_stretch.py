"""The step before an exported network agrees with the reader of the run, up to its rounding to whole numbers."""

import numpy as np
import pytest

from images.image_reader import ImageReader
from inference.export.stretch import stretch_of

READERS = {
    "native": ImageReader(),
    "image": ImageReader(intensity="image"),
    "image, stains": ImageReader(2, intensity="image"),
    "run": ImageReader(intensity="run", limits=(100.0, 3000.0)),
    "run, stains": ImageReader(2, intensity="run", limits=((100.0, 3000.0), (0.0, 500.0))),
}


@pytest.mark.parametrize("name", READERS)
def test_pixels_are_those_of_the_reader(name):
    reader = READERS[name]
    kind = np.uint8 if name == "native" else np.uint16
    image = np.random.default_rng(0).integers(0, 256 if kind == np.uint8 else 4000, (60, 50, reader.channels), kind)
    image[..., 0] //= 2
    stretch = stretch_of(reader)
    found = stretch.apply(image.transpose(2, 0, 1)).transpose(1, 2, 0)
    assert found.dtype == np.float32
    assert np.abs(found - reader.convert(image)).max() <= (0 if name == "native" else 0.51)
    assert np.abs(found - stretch_of(READERS["native"]).apply(image)).max() > 20 or name == "native"  # the control


def test_steps_are_those_of_bioimageio():
    names = {name: [step["id"] for step in stretch_of(reader).steps()] for name, reader in READERS.items()}
    assert names["native"] == ["ensure_dtype"]
    assert names["image"] == ["scale_range", "scale_linear", "clip", "ensure_dtype"]
    assert names["run"] == ["scale_linear", "clip", "ensure_dtype"]
    axes = {name: stretch_of(READERS[name]).steps()[0]["kwargs"]["axes"] for name in ("image", "image, stains")}
    assert axes == {"image": ["channel", "y", "x"], "image, stains": ["y", "x"]}


def test_a_constant_image_becomes_black():
    tile = np.full((3, 4, 5), 7, np.uint16)
    assert not stretch_of(READERS["image"]).apply(tile).any()
    assert not READERS["image"].convert(tile.transpose(1, 2, 0)).any()
