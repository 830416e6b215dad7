"""Rows of one plane of a large stack, and of some channels, are the rows of the whole plane."""

import numpy as np
import pytest
import tifffile

from images.image_reader import ImageReader
from images.regions import open_rows
from images.tiff_regions import open_regions
from system.errors import FileError

H, W = 150, 217
RNG = np.random.default_rng(0)
TILES, STRIPS = {"tile": (32, 48)}, {"rowsperstrip": 7}
STACK = (RNG.gamma(2, 900, (2, 3, 4, H, W)) + 100).astype(np.uint16)  # T, Z, C
STACKS = {
    "one piece": {},
    "strips": STRIPS,
    "deflated tiles": TILES | {"compression": "zlib"},
    "OME": {"ome": True} | TILES | {"compression": "zlib"},
    "imagej": {"imagej": True},
}
OF_STACKS = [
    ImageReader(4, "native", plane="t=1,z=2"),
    ImageReader(4, "image", plane="t=0,z=0"),
    ImageReader(2, "native", plane="t=1,z=0", select=(3, 1)),
    ImageReader(2, "run", ((200.0, 900.0), (100.0, 3000.0)), plane="t=1,z=1", select=(0, 2)),
    ImageReader(1, "image", plane="t=0,z=2", select=(2,)),
]


def written(path, array, options):
    tifffile.imwrite(path, array, **options)
    return path


def assert_same_rows(path, reader):
    whole = reader.read(path)
    with open_rows(path, reader, above=0) as image:
        assert image.shape == whole.shape
        for top, bottom in [(0, H), (0, 1), (30, 41), (90, H), (H - 1, H)]:
            assert np.array_equal(image.rows(top, bottom), whole[top:bottom])


@pytest.mark.parametrize("kind", STACKS)
def test_planes_and_channels_of_stacks_in_parts(kind, tmp_path):
    layout = {"metadata": {"axes": "TZCYX"}} | ({} if kind == "imagej" else {"photometric": "minisblack"})
    path = written(tmp_path / "a.tif", STACK, layout | STACKS[kind])
    for reader in OF_STACKS:
        regions = open_regions(path, above=0, selection=reader.selection(path))
        assert regions is not None
        assert regions.shape == (H, W, reader.channels)
        regions.close()
        assert_same_rows(path, reader)
    brightest = ImageReader(4, plane="t=1,max")
    assert open_regions(path, above=0, selection=brightest.selection(path)) is None  # it is read whole
    assert_same_rows(path, brightest)
    for reader, told in (
        (ImageReader(4), "a stack of 6 planes"),
        (ImageReader(3, plane="t=1,z=1"), "4 channels, but the run reads grey and RGB images"),
        (ImageReader(1, plane="t=1,z=1", select=("DAPI",)), "no channel 'DAPI'"),
        (ImageReader(4, plane="t=2,z=1"), "no plane t=2"),
    ):
        with pytest.raises(FileError, match=told):
            open_rows(path, reader, above=0)


def test_pages_of_a_large_file_are_channels_where_this_is_said(tmp_path):
    path = written(tmp_path / "a.tif", STACK[0, 0], {"photometric": "minisblack", "metadata": None} | STRIPS)
    reader = ImageReader(4, pages_are_channels=True)
    regions = open_regions(path, above=0, selection=reader.selection(path))
    regions.close()
    assert regions.shape == (H, W, 4)
    assert_same_rows(path, reader)
    with pytest.raises(FileError, match="4 pages without a description"):
        open_rows(path, ImageReader(4), above=0)


@pytest.mark.parametrize("options", [STRIPS, TILES | {"compression": "zlib"}])
def test_samples_of_one_page_in_parts(options, tmp_path):
    for planar in ("contig", "separate"):
        stored = np.moveaxis(STACK[0, 0], 0, -1) if planar == "contig" else STACK[0, 0]
        path = written(tmp_path / "a.tif", stored, options | {"photometric": "minisblack", "planarconfig": planar})
        for reader in (ImageReader(4, "image"), ImageReader(2, select=(3, 0))):
            regions = open_regions(path, above=0, selection=reader.selection(path))
            assert regions is not None
            regions.close()
            assert_same_rows(path, reader)
