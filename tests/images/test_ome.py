"""OME-XML in TIFF files: stacks, and planes in other files."""

import numpy as np
import pytest
from support.image_files import GREY, PAGES, tif

from images.image_reader import ImageReader
from images.reading import decode_image, read_image
from images.regions import open_rows
from system.errors import DataError

UUID = "urn:uuid:00000000-0000-0000-0000-00000000000"


def described(image, *, root="", planes=1, parts=""):
    """A TIFF file with an OME-XML description of planes along Z; `parts` are its elements TiffData."""
    height, width = image.shape[-2:]
    sizes = f'SizeX="{width}" SizeY="{height}" SizeC="1" SizeZ="{planes}" SizeT="1"'
    pixels = f'<Pixels DimensionOrder="XYCZT" Type="uint8" {sizes}>{parts}</Pixels>'
    return tif(image, description=f"<OME{root}><Image>{pixels}</Image></OME>", metadata=None, **PAGES)


def part(number, name):
    return (
        f'<TiffData FirstZ="{number}" IFD="0" PlaneCount="1"><UUID FileName="{name}">{UUID}{number}</UUID></TiffData>'
    )


@pytest.fixture
def two_files(tmp_path):
    """A volume of two planes in two files, as microscopes write it."""
    for number in (0, 1):
        parts = part(0, "0.tif") + part(1, "1.tif")
        content = described(GREY + number, root=f' UUID="{UUID}{number}"', planes=2, parts=parts)
        (tmp_path / f"{number}.tif").write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("above", [0, 10**6])
def test_planes_in_other_files_are_refused(two_files, above):
    with pytest.raises(DataError, match=r"0\.tif: planes of this TIFF lie in other files; save each"):
        open_rows(two_files / "0.tif", ImageReader(), above=above)
    with pytest.raises(DataError, match="lie in other files"):
        read_image(two_files / "0.tif")


def test_a_file_that_was_renamed_is_read(tmp_path):
    """Its own number is the only one in it, whatever the name beside that number."""
    parts = part(0, "old name.tif")
    for root in (f' UUID="{UUID}0"', ""):
        content = described(GREY, root=root, parts=parts)
        assert np.array_equal(decode_image(content, "x")[..., 0], GREY)


def test_a_stack_is_refused():
    volume = np.stack([GREY, GREY])
    with pytest.raises(DataError, match=r"x: a stack of 2 planes \(z 2\)"):
        decode_image(described(volume, planes=2, parts='<TiffData PlaneCount="2"/>'), "x")
    with pytest.raises(DataError, match=r"x: a stack of 4097 planes \(OME-XML: SizeX 5, .*SizeZ 4097"):
        decode_image(described(GREY, planes=4097, parts="<TiffData/>"), "x")


@pytest.mark.parametrize("size", ["many", "-1", "9" * 5000])
def test_a_size_that_is_no_number_is_refused(size):
    with pytest.raises(DataError, match="x: "):
        decode_image(described(GREY, planes=size, parts="<TiffData/>"), "x")


def test_broken_xml_does_not_matter():
    content = tif(GREY, description="<OME><Image></OME>", metadata=None, **PAGES)
    assert np.array_equal(decode_image(content, "x")[..., 0], GREY)
