"""A run's way of reading: chosen from its training images, kept, and the same for files and arrays."""

import cv2
import numpy as np
import pytest
import tifffile

from images.choosing import choose_reader, has_colour
from images.image_reader import ImageReader


@pytest.fixture
def files(tmp_path):
    """A grey image, one stored as colour and yet grey, and one with a single coloured pixel."""
    grey = np.arange(0, 200, dtype=np.uint8).reshape(10, 20)
    coloured = np.dstack([grey] * 3)
    coloured[4, 5] = (1, 2, 3)
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    for path, array in zip(paths, (grey, np.dstack([grey] * 3), coloured), strict=True):
        assert cv2.imwrite(str(path), array)
    return paths


def test_auto_channels_follow_the_colours_not_the_file_format(files):
    assert choose_reader(files[:2], channels="auto", intensity="native").channels == 1
    assert choose_reader(files, channels="auto", intensity="native").channels == 3
    assert choose_reader(files, channels=1, intensity="native").channels == 1
    assert has_colour(np.array([[[1, 1, 2]]]))
    assert not has_colour(np.array([[[7, 7, 7]]]))


@pytest.mark.parametrize("channels", [1, 3])
def test_every_file_comes_in_the_channels_of_the_run(files, channels):
    reader = ImageReader(channels=channels)
    for path in files:
        image = reader.read(path)
        assert (image.shape, image.dtype) == ((10, 20, channels), np.uint8)
        assert (image == reader.decode(path.read_bytes(), path.name)).all()
    assert reader.read(files[0])[3, 4, 0] == 64


def test_intensities(tmp_path):
    dim = np.linspace(1000, 1500, 2500, dtype=np.uint16).reshape(50, 50)
    bright = dim + 1000
    paths = [tmp_path / "dim.tif", tmp_path / "bright.tif"]
    for path, array in zip(paths, (dim, bright), strict=True):
        tifffile.imwrite(path, array)
    by_image = choose_reader(paths, channels="auto", intensity="native")
    assert by_image.limits is None
    for path in paths:  # each has the full range
        assert by_image.read(path).min() == 0
        assert by_image.read(path).max() == 255
    by_run = choose_reader(paths, channels="auto", intensity="run")
    assert by_run.limits == pytest.approx((1000, 2500), abs=5)
    means = [by_run.read(path).mean() for path in paths]  # brightness stays comparable
    assert means == pytest.approx([255 / 6, 255 * 5 / 6], abs=2)


def test_eight_bits_are_stretched_when_asked_for():
    dark = np.arange(20, 60, dtype=np.uint8).repeat(100).reshape(40, 100, 1)
    assert (ImageReader(1, "native").convert(dark) == dark).all()
    stretched = ImageReader(1, "image").convert(dark)
    assert (stretched.min(), stretched.max()) == (0, 255)


def test_a_reader_survives_the_checkpoint():
    for reader in (ImageReader(), ImageReader(1, "run", (3.5, 900.0), 1000)):
        assert ImageReader.from_dict(reader.to_dict()) == reader
        assert isinstance(reader.to_dict()["limits"], list | None)
