"""Which plane and which channels of a file are read; expected pixels are slices of the arrays that were written."""

import numpy as np
import pytest
from support.image_files import GREY, RGB, pil, tif
from support.stacks import DEFLATE, IMAGEJ, OME, RNG, SHAPED, SMALL, TZCYX, Z_STACKS, ZYX, axes

from images.formats.headers import Refusal
from images.formats.volume import UNKNOWN
from images.opening import DecodedImage, axes_of
from images.planes import Selection, parse_plane, planes_along, select
from images.reading import decode_image, decode_labels, decode_mask, read_image
from system.errors import ConfigError, FileError


@pytest.mark.parametrize("kind", Z_STACKS)
def test_planes_of_every_kind_of_stack(kind, tmp_path):
    path, count = tmp_path / "a.tif", 4 if "two axes" in kind else 5
    path.write_bytes(Z_STACKS[kind])
    assert axes_of(path, max_pixels=10**6) == {UNKNOWN if "pages" in kind else "Z": count}
    for z in range(count):
        selection = Selection(f"z={z}")
        for found in (
            decode_image(Z_STACKS[kind], "x", selection=selection),
            read_image(path, selection=selection),
        ):
            assert found.dtype == np.uint16
            assert np.array_equal(found, ZYX[z, ..., None])
    assert np.array_equal(read_image(path, selection=Selection("max"))[..., 0], ZYX[:count].max(0))
    with pytest.raises(
        FileError, match=f"no plane z={count}: .* the last is z={count - 1}, because planes are counted"
    ):
        read_image(path, selection=Selection(f"z={count}"))
    with pytest.raises(FileError, match="a stack of"):
        read_image(path)


@pytest.mark.parametrize(
    ("options", "order"),
    [
        (IMAGEJ | axes("TZCYX"), "TZC"),
        (OME | axes("TZCYX"), "TZC"),
        (OME | DEFLATE | axes("CZTYX"), "CZT"),
        (OME | axes("ZCTYX"), "ZCT"),
        (SHAPED | axes("CTZYX"), "CTZ"),
    ],
)
def test_planes_along_several_axes_keep_their_channels(options, order):
    stored = np.transpose(TZCYX, (*("TZC".index(axis) for axis in order), 3, 4))
    data = tif(stored, **options)
    for t, z in ((0, 0), (1, 3), (1, 4)):
        found = decode_image(data, "x", selection=Selection(f"t={t},z={z}"))
        assert np.array_equal(found, np.moveaxis(TZCYX[t, z], 0, -1))
    found = decode_image(data, "x", selection=Selection("t=1,max", channels=(2, 0)))
    assert np.array_equal(found, np.moveaxis(TZCYX[1].max(0), 0, -1)[..., [2, 0]])
    for plane, told in (
        ("z=1", "a stack of 10 planes .* and the plane 'z=1' does not say which t; choose with .*: t=0,z=0 "),
        ("max", "does not say which t"),
        ("t=0,z=0,s=0", "no axis s, which the plane 't=0,z=0,s=0' needs"),
        ("each", "is not one image"),
    ):
        with pytest.raises(FileError, match=told):
            decode_image(data, "x", selection=Selection(plane))


def test_stacks_of_rgb_and_of_planar_channels():
    film = RNG.integers(0, 256, (4, 12, 20, 3)).astype(np.uint8)
    for data in (
        tif(film, imagej=True, **axes("ZYXS")),
        tif(film, ome=True, photometric="rgb", **axes("ZYXS")),
        tif(np.moveaxis(film, -1, 1), photometric="rgb", planarconfig="separate", **axes("ZSYX")),
    ):
        assert np.array_equal(decode_image(data, "x", selection=Selection("z=2")), film[2])
        assert np.array_equal(decode_image(data, "x", selection=Selection("max")), film.max(0))


def test_channels_by_name():
    five = RNG.integers(0, 256, (5, 12, 20)).astype(np.uint8)
    names = ["DAPI", "GFP", "RFP", "GFP", "BF"]
    for data in (
        tif(five, **OME, **axes("CYX", Channel={"Name": names})),
        tif(five, imagej=True, **axes("CYX", Labels=["DAPI", "b", "RFP", "c", "BF"])),
    ):
        found = decode_image(data, "x", selection=Selection(channels=("RFP", 1, "DAPI")))
        assert np.array_equal(found, np.moveaxis(five[[2, 1, 0]], 0, -1))
        with pytest.raises(FileError, match=r"no channel 'rfp': it has 5 channels \(DAPI, .*\); take names"):
            decode_image(data, "x", selection=Selection(channels=("rfp",)))
        with pytest.raises(FileError, match=r"no channel 5: it has 5 channels .*; the last is 4"):
            decode_image(data, "x", selection=Selection(channels=(0, 5)))
    with pytest.raises(FileError, match="several channels 'GFP'"):
        decode_image(
            tif(five, **OME, **axes("CYX", Channel={"Name": names})), "x", selection=Selection(channels=("GFP",))
        )
    with pytest.raises(FileError, match="no channel 'red': it has 3 channels, which have no names"):
        decode_image(pil(RGB), "x", selection=Selection(channels=("red",)))
    assert np.array_equal(decode_image(pil(RGB), "x", selection=Selection(channels=(2, 1))), RGB[..., [2, 1]])


def test_pages_without_a_description_are_channels_where_this_is_said():
    data = Z_STACKS["pages without a description"]
    expected = np.moveaxis(ZYX, 0, -1)
    assert np.array_equal(decode_image(data, "x", selection=Selection(pages=5)), expected)
    assert np.array_equal(
        decode_image(data, "x", selection=Selection(channels=(3, 0), pages="any")), expected[..., [3, 0]]
    )
    for selection in (Selection(), Selection(pages=4), Selection(pages=3)):
        with pytest.raises(FileError, match=r"5 pages without .*, a training takes data.channels: 5"):
            decode_image(data, "x", selection=selection)
    for described in (Z_STACKS["OME"], Z_STACKS["ImageJ"]):  # what a file describes is never taken for something else
        with pytest.raises(FileError, match=r"a stack of 5 planes \(z 5\)"):
            decode_image(described, "x", selection=Selection(pages=5))


def test_planes_of_plain_images():
    for data in (pil(GREY), tif(GREY)):
        for plane in ("max", "t=max"):
            assert np.array_equal(decode_image(data, "x", selection=Selection(plane))[..., 0], GREY)
        with pytest.raises(FileError, match="no axis z, which the plane 'z=0' needs: the file has one plane; leave"):
            decode_image(data, "x", selection=Selection("z=0"))


def test_masks_and_label_maps_have_one_plane_and_one_channel():
    stack = tif(np.stack([GREY > 9] * 2).astype(np.uint8), **SHAPED, **axes("ZYX"))
    pages = tif(np.stack([GREY > 9] * 2).astype(np.uint8), **SHAPED, metadata=None)
    channels = tif(np.stack([GREY > 9] * 2).astype(np.uint8), **SHAPED, **axes("CYX"))
    for decode in (decode_mask, decode_labels):
        for data in (stack, pages):
            with pytest.raises(FileError, match="have one plane: save the plane that belongs to the image"):
                decode(data, "x")
        with pytest.raises(FileError, match="2 channels where a"):
            decode(channels, "x")


def test_texts_of_planes():
    assert parse_plane(" T=0, z=12").numbers == (("T", 0), ("Z", 12))
    assert parse_plane("max").brightest == ("Z",)
    assert parse_plane("each,max").every_other
    for text in ("z=3", "t=0,z=3", "z=max", "t=0,z=max", "each", "z=max,each", "t=each"):
        assert str(parse_plane(text)) == text
    for wrong in ("", "z", "z=", "z=-1", "z=1.5", "zz=1", "c=1", "3", "z=3,", "min", "z=9999999999", "=3"):
        with pytest.raises(ConfigError, match=r"is not known; planes are z=3 \(from 0\)"):
            parse_plane(wrong)
    for twice in ("z=1,z=2", "max,z=1", "z=each,z=max"):
        with pytest.raises(ConfigError, match="the axis z is there twice"):
            parse_plane(twice)


def test_names_of_planes():
    assert planes_along({"T": 2, "Z": 2}, "each") == {
        "t000_z000": "t=0,z=0",
        "t000_z001": "t=0,z=1",
        "t001_z000": "t=1,z=0",
        "t001_z001": "t=1,z=1",
    }
    assert planes_along({"T": 2, "Z": 9}, "each,max") == {"t000": "t=0,z=max", "t001": "t=1,z=max"}
    assert planes_along({"T": 2, "Z": 2}, "t=1,each") == {"z000": "t=1,z=0", "z001": "t=1,z=1"}
    assert planes_along({UNKNOWN: 2}, "each") == {"z000": "z=0", "z001": "z=1"}
    assert planes_along({}, "each") == {"": "max"}
    assert planes_along({"Z": 5}, "max") == {"": "max"}
    assert list(planes_along({"Z": 1200}, "each"))[-1] == "z1199"


def test_what_is_decoded_is_bounded():
    """Four values for each pixel that may be read, and sixteen for a projection."""
    eight = DecodedImage(np.zeros((10, 10, 8), np.uint8))
    assert select(eight, Selection(), max_pixels=200).shape == (10, 10, 8)
    with pytest.raises(Refusal, match=r"1 planes of 10×10 pixels .* and 8 channels; at most 796 values"):
        select(eight, Selection(), max_pixels=199)
    data = Z_STACKS["OME"]
    assert decode_image(data, "x", max_pixels=240, selection=Selection("max")).shape == (12, 20, 1)
    long = tif(np.zeros((17, 12, 20), np.uint8), **SHAPED, **axes("ZYX"))
    with pytest.raises(FileError, match=r"17 planes of 12×20 pixels .* 3840 of a projection"):
        decode_image(long, "x", max_pixels=240, selection=Selection("max"))
    assert decode_image(long, "x", max_pixels=240, selection=Selection("z=16")).shape == (12, 20, 1)
    five = tif(SMALL, **SHAPED, metadata=None)
    assert decode_image(five, "x", max_pixels=300, selection=Selection(pages=5)).shape == (12, 20, 5)
    with pytest.raises(FileError, match="5 planes of 12×20"):
        decode_image(five, "x", max_pixels=299, selection=Selection(pages=5))
