"""OME-XML in TIFF files: stacks, and planes in other files."""

import numpy as np
import pytest
from support.image_files import GREY, PAGES, tif

from images.formats.headers import Refusal
from images.formats.ome import channel_names, check_ome
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


def sizes(element="Pixels", **changed):
    """An element of an image of 5×4 pixels."""
    given = {"SizeX": 5, "SizeY": 4, "SizeC": 1, "SizeZ": 1, "SizeT": 1} | changed
    return f"<{element} {' '.join(f'{key}={str(value)!r}' for key, value in given.items())}/>"


def refusal_of(text):
    """What `check_ome` finds wrong with a description; None if it passes."""
    try:
        check_ome(text, height=4, width=5)
    except Refusal as refusal:
        return refusal.found
    return None


@pytest.mark.parametrize(
    ("passes", "is_refused", "found"),
    [
        (f"<OME>{' ' * (2**22 - 11)}</OME>", f"<OME>{' ' * (2**22 - 10)}</OME>", "of 4194305 characters, at most"),
        (f"<OME>{'<a/>' * 49_998}</OME>", f"<OME>{'<a/>' * 49_999}</OME>", "of 50001 tags, at most"),
        (f"<OME>{sizes(SizeZ=4096)}</OME>", f"<OME>{sizes(SizeZ=4097)}</OME>", "a stack of 4097 planes"),
        (f"<OME>{sizes(SizeT=64, SizeC=64)}</OME>", f"<OME>{sizes(SizeT=241, SizeC=17)}</OME>", "a stack of 4097 "),
        (f"<OME>{sizes(SizeX=5 * 4096)}</OME>", f"<OME>{sizes(SizeX=5 * 4097)}</OME>", "a stack of 4097 planes"),
        (f"<OME>{sizes() * 4096}</OME>", f"<OME>{sizes() * 4097}</OME>", "a stack of 4097 planes"),
        (f"<OME>{sizes(SizeX=0) * 4096}</OME>", f"<OME>{sizes(SizeX=0) * 4097}</OME>", "a stack of 4097 planes"),
        (f"<OME>{'<TiffData/>' * 4096}</OME>", f"<OME>{'<TiffData/>' * 4097}</OME>", "as many elements TiffData"),
        *(
            (f'<OME><TiffData {key}="4096"/></OME>', f'<OME><TiffData {key}="4097"/></OME>', "a stack of 4097 planes")
            for key in ("PlaneCount", "NumPlanes")
        ),
        (  # sizes that are not there are 1
            '<OME><Pixels SizeX="5" SizeY="4" SizeT="4096"/></OME>',
            '<OME><Pixels SizeX="5" SizeY="4" SizeT="4097"/></OME>',
            "a stack of 4097 planes",
        ),
        ("<OME/>", "<!DOCTYPE a><OME/>", "a document type"),
        ("<OME/>", "<OME><ModuloAlongZ/></OME>", "a stack (ModuloAlongZ in its OME-XML)"),
        (f"<OME>{sizes(SizeC=0)}</OME>", f"<OME>{sizes(SizeC=-1)}</OME>", "its OME-XML has SizeC '-1'"),
        ("<OME><UUID>a</UUID></OME>", "<OME><UUID>a</UUID><UUID>b</UUID></OME>", "lie in other files"),
        ('<OME UUID="a"><UUID>a</UUID></OME>', '<OME UUID="a"><UUID>b</UUID></OME>', "lie in other files"),
    ],
    ids=lambda text: text[:30],
)
def test_the_last_description_that_passes_and_the_first_that_is_refused(passes, is_refused, found):
    assert refusal_of(passes) is None
    assert found in refusal_of(is_refused)


def test_counts_of_all_elements_add_up():
    parts = [f'<TiffData PlaneCount="{count}"/>' for count in (4000, 96, 1)]
    assert refusal_of(f"<OME>{parts[0]}{parts[1]}</OME>") is None
    assert "a stack of 4097 planes" in refusal_of(f"<OME>{''.join(parts)}</OME>")


def test_names_of_channels():
    channels = '<Channel Name="a"/><Filter/><Channel Name="b"/>'
    first, second = f"<Image><Pixels>{channels}</Pixels></Image>", '<Image><Pixels><Channel Name="c"/></Pixels></Image>'
    namespace = ' xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
    for text in (f"<OME>{first}{second}</OME>", f"<OME{namespace}>{first}</OME>"):
        assert channel_names(text) == ("a", "b")
    assert channel_names(f"<OME>{first.replace('Name', 'ID', 1)}</OME>") == ()
    assert channel_names("<OME/>") == channel_names("<OME>") == ()
