"""A run's way of reading: chosen from its training images, kept, and the same for files and arrays."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from images.choosing import choose_reader, has_colour
from images.image_reader import ImageFile, ImageReader
from system.errors import ConfigError, DataError


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
    limits = ((1.0, 2.0), (3.0, 4.0))
    of_stack = ImageReader(2, "run", limits, plane="t=0,max", select=("GFP", 0), pages_are_channels=True)
    for reader in (ImageReader(), ImageReader(1, "run", (3.5, 900.0), 1000), of_stack):
        assert ImageReader.from_dict(reader.to_dict()) == reader
        assert isinstance(reader.to_dict()["limits"], list | None)


def test_a_checkpoint_of_an_earlier_version_is_read():
    stored = {"channels": 3, "intensity": "run", "limits": [1.5, 9.0], "max_pixels": 100}
    assert ImageReader.from_dict(stored) == ImageReader(3, "run", (1.5, 9.0), 100)


def of_channels(folder, *counts):
    """Files of these numbers of channels, with values of 0 to 100 in the first channel, to 200 in the second, …"""
    paths = []
    for number, count in enumerate(counts):
        values = (
            np.random.default_rng(number).integers(0, 101, (count, 60, 50)) * np.arange(1, count + 1)[:, None, None]
        )
        paths.append(folder / f"{number}.tif")
        tifffile.imwrite(paths[-1], values.astype(np.uint16), photometric="minisblack", metadata={"axes": "CYX"})
    return paths


def test_auto_takes_the_channels_of_the_images(tmp_path, files):
    for count in (2, 4, 5):
        (tmp_path / str(count)).mkdir()
        paths = of_channels(tmp_path / str(count), count, count)
        assert choose_reader(paths, channels="auto", intensity="native").channels == count
    mixed = of_channels(tmp_path, 5, 5, 2)
    told = "numbers of channels: 2 in 1 images, 5 in 2 images; save the same channels of all, or set data.channels"
    with pytest.raises(DataError, match=told):
        choose_reader(mixed, channels="auto", intensity="native")
    with pytest.raises(DataError, match="1 in 1 images, 3 in 1 images, 5 in 1 images"):
        choose_reader([*files[:2], mixed[0]], channels="auto", intensity="native")
    reader = choose_reader(mixed, channels=[1, 0], intensity="native")
    assert [reader.read(path).shape for path in mixed] == [(60, 50, 2)] * 3


def test_more_channels_than_are_trained_with(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 5, 129), np.uint8), photometric="minisblack", planarconfig="contig")
    with pytest.raises(DataError, match="images of 129 channels; at most 128 are trained with"):
        choose_reader([path], channels="auto", intensity="native")
    assert choose_reader([path], channels=[128, 0], intensity="native").read(path).shape == (4, 5, 2)


def test_a_file_of_other_channels_is_refused(tmp_path, files):
    five, two = of_channels(tmp_path, 5, 2)
    for count in (1, 3):
        with pytest.raises(
            DataError, match=r"5 channels, but the run reads grey and RGB images; take one .*=\[1\] in a"
        ):
            ImageReader(count).read(five)
    for count in (2, 4):
        some = r"\[0, 1\]" if count == 2 else r"\[0, 1, 2, 3\]"
        with pytest.raises(DataError, match=f"5 channels, but the run reads {count}; choose {count} .*={some} in a"):
            ImageReader(count).read(five)
    for path in files:
        with pytest.raises(DataError, match="but the run reads 5; give images of 5 channels; a training without"):
            ImageReader(5).read(path)
    with pytest.raises(DataError, match="2 channels, but the run reads grey and RGB images"):
        ImageReader(3).decode(two.read_bytes(), "x")
    with pytest.raises(DataError, match="no channel 1: it has 1 channel, which have no names"):
        ImageReader(2, select=(0, 1)).read(files[0])


@pytest.mark.parametrize("count", [1, 3])
def test_chosen_channels_are_converted_as_a_file_of_so_many_is(tmp_path, files, count):
    (five,) = of_channels(tmp_path, 5)
    planes = ImageReader(5, pages_are_channels=True).open(five)
    for chosen in ([2], [4, 0, 1]):
        reader = ImageReader(count).choosing(chosen)
        alone = tmp_path / "alone.tif"
        kind = "rgb" if len(chosen) == 3 else "minisblack"
        tifffile.imwrite(alone, planes[..., chosen].squeeze(), photometric=kind)
        assert (reader.read(five) == ImageReader(count).read(alone)).all()
        assert ImageReader.from_dict(reader.to_dict()) == ImageReader(count)
    with pytest.raises(DataError, match="no channel 1: it has 1 channel"):
        ImageReader(count).choosing([1]).read(files[0])


def test_a_run_with_channels_of_its_own_takes_others_of_the_same_number(tmp_path):
    (five,) = of_channels(tmp_path, 5)
    run = ImageReader(2, select=(0, 1), limits=((0.0, 90.0), (0.0, 50.0)))
    other = ImageReader(2, select=(3, 2), limits=run.limits)
    assert (run.choosing([3, 2]).read(five) == other.read(five)).all()
    with pytest.raises(ConfigError, match="1 channel, but the run reads 2; choose 2"):
        run.choosing([3])


def test_conversions_are_counted(files):
    rgb, grey = ImageReader(3), ImageReader(1)
    for path in [*files, *files]:
        rgb.read(path)
        grey.read(path)
    assert rgb.conversions(3) == ["1 of 3 images are grey and are read as RGB"]
    assert grey.conversions(3) == ["2 of 3 images are RGB and are read as grey"]
    assert ImageReader(3).conversions(3) == []
    assert "converted" not in rgb.to_dict()


def test_stains_have_limits_of_their_own(tmp_path):
    """Each channel comes as a file of this channel alone would come."""
    paths = of_channels(tmp_path, 5, 5)
    for channels, taken in ((5, range(5)), ([3, 1], [3, 1]), ([2], [2]), ([0, 1, 2], [0, 1, 2])):
        for intensity in ("native", "image", "run"):
            reader = choose_reader(paths, channels=channels, intensity=intensity)
            assert reader.per_channel
            image = reader.read(paths[0])
            for place, number in enumerate(taken):
                alone = choose_reader(paths, channels=[number], intensity=intensity)
                assert np.array_equal(image[..., [place]], alone.read(paths[0]))
                assert (image[..., place].min(), image[..., place].max()) == (0, 255)
                if intensity == "run":
                    assert reader.limits[place] == (0, 100 * (number + 1))
    assert not choose_reader(paths, channels=3, intensity="native").per_channel


def test_a_dark_stain_becomes_zeros_and_has_no_limits(tmp_path):
    (path,) = of_channels(tmp_path, 4)
    image = tifffile.imread(path)
    image[2] = 7
    tifffile.imwrite(path, image, photometric="minisblack", metadata={"axes": "CYX"})
    found = choose_reader([path], channels="auto", intensity="native").read(path)
    assert [int(found[..., channel].max()) for channel in range(4)] == [255, 255, 0, 255]
    with pytest.raises(DataError, match=r"channel 2 \(from 0\): all pixels measured are 7"):
        choose_reader([path], channels="auto", intensity="run")


def test_only_three_channels_that_are_not_selected_are_rgb():
    assert ImageReader(3).is_rgb
    for reader in (ImageReader(1), ImageReader(4), ImageReader(3, select=(0, 1, 2))):
        assert not reader.is_rgb


def test_the_text_of_an_image_names_its_plane():
    assert str(ImageFile("a", Path("a.tif"))) == "a.tif"
    assert str(ImageFile("a", Path("a.tif"), "z=3")) == "a.tif (z=3)"
