"""Pixel sizes of TIFF files: OME-XML, ImageJ and resolution tags; defaults of printers, and nonsense."""

import os
import struct

import numpy as np
import pytest
import tifffile

from images.pixel_size import MICROMETRES, PixelSize, pixel_size_of
from images.reading import read_image

PIXELS = np.arange(35, dtype=np.uint16).reshape(5, 7)


def write(tmp_path, **options):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, **options)
    return tmp_path / "a.tif"


def ome(tmp_path, **metadata):
    return write(tmp_path, ome=True, metadata={"axes": "YX", **metadata})


def with_description(tmp_path, text, **options):
    """A file whose description is not checked by its writer."""
    return write(tmp_path, description=text.encode("utf-8"), metadata=None, **options)


def ome_xml(attributes):
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image>'
        f'<Pixels DimensionOrder="XYCZT" Type="uint16" SizeX="7" SizeY="5" SizeC="1" SizeZ="1" SizeT="1" {attributes}>'
        '<Channel SamplesPerPixel="1"/><TiffData/></Pixels></Image></OME>'
    )


@pytest.mark.parametrize(
    ("metadata", "sides"),
    [
        ({"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}, (0.25, 0.5)),
        ({"PhysicalSizeX": 0.5}, (0.5, 0.5)),
        (
            {"PhysicalSizeX": 325, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 325, "PhysicalSizeYUnit": "nm"},
            (0.325,) * 2,
        ),
        ({"PhysicalSizeX": 1e-3, "PhysicalSizeXUnit": "mm", "PhysicalSizeY": 1, "PhysicalSizeYUnit": "µm"}, (1, 1)),
        ({"PhysicalSizeX": 4.0, "PhysicalSizeXUnit": "\u212b"}, (4e-4,) * 2),
    ],
)
def test_ome(tmp_path, metadata, sides):
    size, warning = pixel_size_of(ome(tmp_path, **metadata))
    assert ((size.height, size.width), size.source, warning) == (pytest.approx(sides), "OME-XML", "")


@pytest.mark.parametrize("unit", ["micron", "um", "µm", "\u03bcm", "\\u00B5m", "\\u00b5m", "microns", "micrometer"])
def test_imagej(tmp_path, unit):
    """XResolution belongs to the columns."""
    path = with_description(tmp_path, f"ImageJ=1.54f\nunit={unit}\n", resolution=(4, 2), resolutionunit=1)
    assert pixel_size_of(path) == (PixelSize(0.5, 0.25, "ImageJ"), "")


def test_imagej_by_the_writer_of_tifffile_and_in_other_units(tmp_path):
    path = write(tmp_path, imagej=True, resolution=(3.076923, 3.076923), metadata={"unit": "um"})
    size, warning = pixel_size_of(path)
    assert (size.height, size.width, size.source, warning) == (*[pytest.approx(0.325)] * 2, "ImageJ", "")
    path = with_description(tmp_path, "ImageJ=1.54f\nunit=nm\nyunit=micron\n", resolution=(0.01, 5))
    assert pixel_size_of(path)[0] == PixelSize(0.2, pytest.approx(0.1), "ImageJ")


@pytest.mark.parametrize(("unit", "per_unit", "side"), [(3, 20_000, 0.5), (2, 50_800, 0.5), (2, 1200, 21.1667)])
def test_resolution_tags(tmp_path, unit, per_unit, side):
    size, warning = pixel_size_of(write(tmp_path, resolution=(per_unit, 2 * per_unit), resolutionunit=unit))
    assert (size.width, size.height) == (pytest.approx(side, rel=1e-4), pytest.approx(side / 2, rel=1e-4))
    assert (size.source, warning) == ("TIFF tags", "")


def test_an_inch_and_a_centimetre(tmp_path):
    """25.4 mm and 10 mm; 5,080 pixels per inch are 5 µm."""
    assert [MICROMETRES[unit] for unit in ("in", "inch", "inches", "cm")] == [25_400.0] * 3 + [10_000.0]
    size, _ = pixel_size_of(write(tmp_path, resolution=(5080, 5080), resolutionunit=2))
    assert size.width == 5.0


@pytest.mark.parametrize("options", [{}, {"resolution": (1, 1)}, {"resolution": (20_000, 20_000), "resolutionunit": 1}])
def test_a_file_without_a_unit_has_no_size(tmp_path, options):
    assert pixel_size_of(write(tmp_path, **options)) == (None, "")


@pytest.mark.parametrize("per_inch", [1, 72, 96, 100, 150, 200, 300, 600])
@pytest.mark.parametrize("description", ["", "ImageJ=1.54f\nunit=inch\n"])
def test_defaults_of_screens_and_printers_are_no_size(tmp_path, per_inch, description):
    path = with_description(tmp_path, description, resolution=(per_inch, per_inch), resolutionunit=2)
    assert pixel_size_of(path) == (None, "")
    path = write(tmp_path, resolution=(per_inch / 2.54, per_inch / 2.54), resolutionunit=3)
    assert pixel_size_of(path) == (None, "")


@pytest.mark.parametrize("value", ["0", "-1", "NaN", "INF", "1e30", "1e-30", "", "half", "0,5"])
def test_nonsense_of_ome_is_ignored_with_a_warning(tmp_path, value):
    size, warning = pixel_size_of(with_description(tmp_path, ome_xml(f'PhysicalSizeX="{value}" PhysicalSizeY="0.5"')))
    assert size is None
    assert warning == f"PhysicalSizeX '{value}' 'µm' of the OME-XML makes no sense as a pixel size and is ignored"


def test_without_nonsense_the_same_description_has_a_size(tmp_path):
    path = with_description(tmp_path, ome_xml('PhysicalSizeX="0.5" PhysicalSizeY="0.5"'))
    assert pixel_size_of(path) == (PixelSize(0.5, 0.5, "OME-XML"), "")


def test_an_unknown_unit_is_ignored_with_a_warning_and_the_tags_are_used(tmp_path):
    text = ome_xml('PhysicalSizeX="0.5" PhysicalSizeXUnit="=cmd|calc&#10;x"')
    size, warning = pixel_size_of(with_description(tmp_path, text, resolution=(20_000, 20_000), resolutionunit=3))
    assert size == PixelSize(0.5, 0.5, "TIFF tags")
    assert "makes no sense" in warning
    assert warning.isprintable()
    text = ome_xml('PhysicalSizeX="0.5" PhysicalSizeXUnit="pixel"')
    assert pixel_size_of(with_description(tmp_path, text)) == (None, "")


@pytest.mark.parametrize(
    ("unit", "per_unit"), [("micron", 0), ("micron", 1e9), ("furlong", 2), ("cm", 2e9), ("inch", 0)]
)
def test_nonsense_of_imagej_is_ignored_with_a_warning(tmp_path, unit, per_unit):
    path = with_description(tmp_path, f"ImageJ=1.54f\nunit={unit}\n", resolution=(per_unit, per_unit))
    size, warning = pixel_size_of(path)
    assert size is None
    assert "of ImageJ makes no sense as a pixel size" in warning


@pytest.mark.parametrize("rational", [(0, 0), (1, 0), (0, 1), (2**32 - 1, 1)])
def test_nonsense_of_tags_is_ignored_with_a_warning(tmp_path, rational):
    path = write(tmp_path, resolution=((50_801, 7), (50_801, 7)), resolutionunit=2)
    content = path.read_bytes()
    assert content.count(struct.pack("<II", 50_801, 7)) == 2
    path.write_bytes(content.replace(struct.pack("<II", 50_801, 7), struct.pack("<II", *rational)))
    size, warning = pixel_size_of(path)
    assert size is None
    assert "the resolution tags" in warning


def test_a_given_size_wins(tmp_path):
    assert pixel_size_of(ome(tmp_path, PhysicalSizeX=0.5), given=2.0) == (PixelSize(2.0, 2.0, "given"), "")


def test_an_image_that_is_turned_upright_has_turned_pixels(tmp_path):
    path = write(
        tmp_path, resolution=(20_000, 40_000), resolutionunit=3, extratags=[(274, "H", 1, 6, True)], metadata=None
    )
    assert read_image(path).shape == (7, 5, 1)
    size, _ = pixel_size_of(path)
    assert (size.height, size.width) == (pytest.approx(0.5), pytest.approx(0.25))


def test_other_files_and_files_that_are_not_there(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert pixel_size_of(tmp_path / "a.png") == (None, "")
    assert pixel_size_of(tmp_path) == (None, "")  # as of OME-Zarr
    size, warning = pixel_size_of(tmp_path / "absent.tif")
    assert (size, "no pixel size can be read" in warning) == (None, True)


def test_tags_of_a_wrong_type_give_no_size(tmp_path):
    """XResolution as text, and as a rational of which half is missing."""
    path = write(tmp_path, resolution=(20_000, 20_000), resolutionunit=3, metadata=None)
    content = path.read_bytes()
    entry = content.index(struct.pack("<HHI", 282, 5, 1))
    for kind, count in ((2, 8), (3, 1), (5, 2), (12, 1), (5, 0), (5, 2**31)):
        changed = content[:entry] + struct.pack("<HHI", 282, kind, count) + content[entry + 8 :]
        (tmp_path / "b.tif").write_bytes(changed)
        size, warning = pixel_size_of(tmp_path / "b.tif")
        assert size is None or size.source == "TIFF tags"
        assert warning or kind == 5


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_of_the_metadata_never_ends_in_a_traceback(tmp_path, seed):
    rng = np.random.default_rng(seed)
    path = ome(tmp_path, PhysicalSizeX=0.5) if seed % 2 else write(tmp_path, imagej=True, resolution=(2, 2))
    content = bytearray(path.read_bytes())
    for place in rng.integers(8, len(content), rng.integers(1, 30)):
        content[place] = rng.integers(0, 256)
    path.write_bytes(content)
    size, warning = pixel_size_of(path)
    assert size is None or 1e-4 <= min(size.height, size.width) <= max(size.height, size.width) <= 1e4
    assert isinstance(warning, str)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
def test_a_named_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.tif")
    size, warning = pixel_size_of(tmp_path / "pipe.tif")
    assert size is None
    assert "no pixel size can be read" in warning
