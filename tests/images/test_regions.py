"""Rows of images read in parts are the rows of the whole image, pixel by pixel, and damage is reported."""

import io
import tracemalloc

import cv2
import numpy as np
import pytest
import tifffile
from support.hostile_tiffs import directories, stack_of_zeros
from support.image_files import PLANAR

from images.formats.headers import Refusal
from images.image_reader import ImageReader
from images.intensity import counts_of, range_of_counts
from images.regions import open_rows, open_stored_rows, size_of_regions
from images.tiff_regions import open_regions
from system.errors import FileError

H, W = 150, 217
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (H, W)).astype(np.uint8)
RGB = RNG.integers(0, 256, (H, W, 3)).astype(np.uint8)
DEEP = (RNG.gamma(2, 500, (H, W)) + 300).astype(np.uint16)
DEEP_RGB = (RNG.gamma(2, 900, (H, W, 3)) + 100).astype(np.uint16)
ALPHA = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
TILES, STRIPS = {"tile": (32, 48)}, {"rowsperstrip": 7}
CYX = {"photometric": "minisblack", "metadata": {"axes": "CYX"}}
READERS = [
    ImageReader(1, "native"),
    ImageReader(3, "native"),
    ImageReader(1, "image"),
    ImageReader(3, "image"),
    ImageReader(3, "run", (40.5, 2000.0)),
]
IN_PARTS = {
    "one strip": (GREY, {}),
    "strips": (RGB, STRIPS),
    "deep strips": (DEEP, STRIPS),
    "dim strips": (GREY // 4 + 20, STRIPS),
    "deflated strips": (DEEP_RGB, STRIPS | {"compression": "zlib"}),
    "tiles": (RGB, TILES),
    "deflated tiles": (DEEP, TILES | {"compression": "zlib"}),
    "predicted tiles": (DEEP_RGB, TILES | {"compression": "zlib", "predictor": True}),
    "lzw tiles": (RGB, TILES | {"compression": "lzw"}),
    "lzw strips": (GREY, STRIPS | {"compression": "lzw", "predictor": True}),
    "big tiff": (DEEP, TILES | {"compression": "zlib", "bigtiff": True}),
    "big endian": (DEEP, STRIPS | {"byteorder": ">"}),
    "big endian tiles": (DEEP, TILES | {"byteorder": ">", "compression": "zlib"}),
    "alpha": (np.dstack([RGB, GREY]), TILES | ALPHA),
    "grey alpha": (np.dstack([GREY, GREY]), STRIPS | {"photometric": "minisblack", "extrasamples": ["unassalpha"]}),
    "imagej": (DEEP, {"imagej": True}),
    "planar": (np.moveaxis(RGB, -1, 0), PLANAR | STRIPS),
    "planar in one piece": (np.moveaxis(DEEP_RGB, -1, 0), PLANAR),
    "planar tiles": (np.moveaxis(DEEP_RGB, -1, 0), PLANAR | TILES | {"compression": "zlib", "predictor": True}),
    "planar alpha": (np.moveaxis(np.dstack([RGB, GREY]), -1, 0), PLANAR | {"extrasamples": ["unassalpha"]}),
    "channel pages": (np.moveaxis(RGB, -1, 0), STRIPS | CYX | {"compression": "zlib"}),
    "constant": (np.full((H, W), 777, np.uint16), TILES),
    "nearly constant": (np.where(np.arange(H * W).reshape(H, W) == 5, 9, 777).astype(np.uint16), TILES),
}
WHOLE = {
    "float": (DEEP.astype(np.float32), TILES),
    "white is zero": (GREY, {"photometric": "miniswhite"}),
    "orientation": (GREY, {"extratags": [(274, "H", 1, 6, True)]}),
    "signed": (DEEP.astype(np.int16), {}),
    "jpeg": (RGB, TILES | {"compression": "jpeg"}),
    "32 bits": (DEEP.astype(np.uint32), {}),
    "bits": (GREY > 100, {}),
    "perhaps alpha": (np.dstack([RGB, np.full_like(GREY, 9)]), {"photometric": "rgb", "extrasamples": ["unspecified"]}),
}


def written(path, array, options):
    tifffile.imwrite(path, array, **options)
    return path


def assert_same_rows(path, reader):
    whole = reader.read(path)
    with open_rows(path, reader, above=0) as image:
        assert image.shape == whole.shape
        for top, bottom in [(0, H), (0, 1), (0, 40), (30, 41), (33, 100), (90, H), (H - 1, H), (5, 6)]:
            rows = image.rows(top, min(bottom, len(whole)))
            assert rows.dtype == np.uint8
            assert (rows == whole[top:bottom]).all()


@pytest.mark.parametrize("kind", IN_PARTS)
def test_tiff_files_in_parts(kind, tmp_path):
    path = written(tmp_path / "a.tif", *IN_PARTS[kind])
    regions = open_regions(path, above=0)
    assert regions is not None
    regions.close()
    for reader in READERS:
        assert_same_rows(path, reader)


@pytest.mark.parametrize("kind", WHOLE)
def test_other_tiff_files_are_read_whole(kind, tmp_path):
    path = written(tmp_path / "a.tif", *WHOLE[kind])
    assert open_regions(path, above=0) is None
    for reader in READERS[:2]:
        assert_same_rows(path, reader)


def test_other_formats_and_small_files_are_read_whole(tmp_path):
    png, small = tmp_path / "a.png", written(tmp_path / "a.tif", GREY, TILES)
    assert cv2.imwrite(str(png), GREY)
    assert_same_rows(png, READERS[1])
    assert open_regions(small, above=H * W) is None
    with open_rows(small, READERS[1], above=H * W) as image:
        assert (image.rows(3, 9) == np.dstack([GREY] * 3)[3:9]).all()


def test_limits_of_counts_are_the_percentiles_of_numpy():
    for values in (GREY, DEEP, DEEP_RGB):
        assert range_of_counts(counts_of(values)) == tuple(np.percentile(values.astype(np.float32), (0.1, 99.9)))


def test_what_max_pixels_limits(tmp_path):
    """Files in parts may have more pixels; files that are read whole may not."""
    reader = ImageReader(1, max_pixels=1000)
    with open_rows(written(tmp_path / "a.tif", GREY, TILES), reader, above=0) as image:
        assert (image.rows(0, H)[..., 0] == GREY).all()
    with pytest.raises(FileError, match=r"b\.tif: 150×217 pixels.*max_pixels"):
        open_rows(written(tmp_path / "b.tif", GREY.astype(np.float32), TILES), reader, above=0)


def test_a_header_that_claims_too_much(tmp_path):
    path = written(tmp_path / "a.tif", GREY, TILES)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags["ImageLength"].overwrite(2**31, dtype="I")
        file.pages[0].tags["ImageWidth"].overwrite(2**31, dtype="I")
    with pytest.raises(FileError, match=r"a\.tif: 2147483648×2147483648 pixels"):
        open_rows(path, READERS[0], above=0)


def read_all(path, reader):
    with open_rows(path, reader, above=0) as image:
        return [image.rows(top, min(top + 20, H)) for top in range(0, H, 20)]


@pytest.mark.parametrize("options", [{}, STRIPS, TILES, TILES | {"compression": "zlib"}, {"bigtiff": True}])
@pytest.mark.parametrize("missing", [1, 3000, 20_000])
def test_a_file_that_is_cut_off(tmp_path, options, missing):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, DEEP, **options)
    path = tmp_path / "cut.tif"
    path.write_bytes(buffer.getvalue()[: -min(missing, len(buffer.getvalue()) - 300)])
    with pytest.raises(FileError, match=r"cut\.tif: .*(damaged|cut)") as error:
        read_all(path, READERS[0])
    assert error.value.kind == "unreadable"


@pytest.mark.parametrize("compression", ["zlib", "lzw"])
def test_a_damaged_tile_is_reported_when_its_rows_are_read(tmp_path, compression):
    path = written(tmp_path / "bad.tif", GREY, TILES | {"compression": compression})
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        offset, count = page.dataoffsets[12], page.databytecounts[12]  # rows 64 to 95
    data = bytearray(path.read_bytes())
    data[offset : offset + count] = bytes(count)
    path.write_bytes(data)
    with open_rows(path, ImageReader(1), above=0) as image:
        assert (image.rows(0, 64)[..., 0] == GREY[:64]).all()
        with pytest.raises(FileError, match=r"bad\.tif: "):
            image.rows(60, 70)
    with pytest.raises(FileError, match=r"bad\.tif: "):  # measuring the limits meets it, too
        open_rows(path, ImageReader(1, "image"), above=0)


def test_a_tile_with_too_few_pixels(tmp_path):
    """The compressed data are whole, but hold half of the tile."""
    import zlib

    path = written(tmp_path / "short.tif", GREY, TILES | {"compression": "zlib"})
    with tifffile.TiffFile(path) as file:
        offset, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    short = zlib.compress(bytes(32 * 24))
    data = bytearray(path.read_bytes())
    data[offset : offset + count] = short + bytes(count - len(short))
    path.write_bytes(data)
    with pytest.raises(FileError, match=r"short\.tif: "):
        read_all(path, ImageReader(1))


@pytest.mark.parametrize("kind", IN_PARTS)
@pytest.mark.parametrize("above", [0, 2**24])
def test_stored_rows_are_those_of_the_file(tmp_path, kind, above):
    """In parts, and whole; a run that reads grey as RGB stores grey."""
    array, options = IN_PARTS[kind]
    path, reader = written(tmp_path / "a.tif", array, options), ImageReader(3)
    expected = reader.open(path)
    for image in (path, expected):
        with open_stored_rows(image, reader, above=above) as stored:
            assert stored.shape == expected.shape
            rows = [stored.rows(top, min(top + 41, H)) for top in range(0, H, 41)]
        assert np.array_equal(np.concatenate(rows), expected)
        assert rows[0].dtype == expected.dtype


def test_files_that_are_empty_or_missing(tmp_path):
    (tmp_path / "empty.tif").touch()
    for name in ("empty.tif", "none.tif"):
        with pytest.raises(FileError, match=name):
            open_rows(tmp_path / name, READERS[0], above=0)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"tile": (256, 256), "compression": "zlib"}, {}])
def test_memory_does_not_grow_with_the_height(tmp_path, options):
    """Reads 20 million pixels of 16 bits, 40 MB, with the limits measured in a first pass."""
    array = np.random.default_rng(0).integers(0, 999, (20_000, 1000)).astype(np.uint16)
    path = written(tmp_path / "tall.tif", array, options)
    peaks = {}
    for height in (20_000, None):
        tracemalloc.start()
        if height is None:  # the control
            whole = ImageReader(1).read(path)
        else:
            with open_rows(path, ImageReader(1)) as image:
                tops = range(0, height, 500)
                means = [image.rows(top, top + 500).mean() for top in tops]
        peaks[height] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert means == [whole[top : top + 500].mean() for top in tops]
    assert peaks[20_000] < 30e6 < 90e6 < peaks[None]


def test_the_limits_of_a_file_that_is_read_by_rows(tmp_path):
    """2**36 pixels, 2**21 strips, and 2**26 pixels of a compressed strip, of which none is decoded here."""
    path = tmp_path / "a.tif"
    for side, in_parts in ((2**13, True), (2**13 + 1, False)):
        path.write_bytes(stack_of_zeros(1, side=side))
        regions = open_regions(path, above=0)
        assert (regions is not None) == in_parts
        if in_parts:
            regions.close()
    path.write_bytes(stack_of_zeros(1, side=2**18))
    assert open_regions(path, above=0) is None  # it may be so large, but its only strip may not
    path.write_bytes(stack_of_zeros(1, side=2**18 + 1))
    with pytest.raises(Refusal, match="262145×262145 pixels"):
        open_regions(path, above=0)
    path.write_bytes(directories(1, strips=2**21 + 1))
    with pytest.raises(Refusal, match="2097153 strips or tiles, at most 2097152 are read"):
        open_regions(path, above=0)


def test_an_image_above_16_million_pixels_is_read_by_rows(tmp_path):
    path = tmp_path / "a.tif"
    for width, size in ((4096, None), (4097, (4096, 4097))):
        tifffile.imwrite(path, shape=(4096, width), dtype=np.uint8)  # a file of zeros
        assert size_of_regions(path, ImageReader(1)) == size
