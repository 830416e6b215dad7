"""The reader: kinds of pixels and orientation, in files that Pillow, tifffile and OpenCV wrote."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps
from support.image_files import (
    ALPHA,
    BITS,
    CMAP,
    COLOURS,
    DEEP,
    DEEP_RGB,
    FIRST,
    FLOAT,
    GREY,
    INDICES,
    PAGES,
    PLANAR,
    RGB,
    by_cv2,
    palette_image,
    pil,
    png_by_hand,
    png_chunk,
    tif,
)

from images.reading import decode_image, decode_labels, decode_mask, read_image, read_mask
from system.errors import DataError, FileError

EMPTY_FOURTH = np.pad(FIRST, ((0, 1), (0, 0), (0, 0)))
# name: (file, expected values, [H, W] or [H, W, C])
KINDS = {
    "png 1 bit": (pil(BITS), BITS * np.uint8(255)),
    "png 2 bits": (png_by_hand(1, 4, depth=2, rows=b"\0\x1b"), np.array([[0, 85, 170, 255]], np.uint8)),
    "png grey": (pil(GREY), GREY),
    "png grey and alpha": (pil(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)])), GREY),
    "png rgb": (pil(RGB), RGB),
    "png rgba": (pil(np.dstack([RGB, ALPHA])), RGB),
    "png palette": (pil(palette_image()), COLOURS[INDICES]),
    "png palette with alpha": (pil(palette_image(), transparency=1), COLOURS[INDICES]),
    "png palette of greys": (pil(palette_image(COLOURS[:, [1, 1, 1]])), COLOURS[INDICES, 1]),
    "png grey 16": (pil(DEEP), DEEP),
    "png rgb 16": (by_cv2(DEEP_RGB), DEEP_RGB),
    "png rgba 16": (by_cv2(np.dstack([DEEP_RGB, DEEP])), DEEP_RGB),
    "bmp 1 bit": (pil(BITS, "BMP"), BITS * np.uint8(255)),
    "bmp grey": (pil(GREY, "BMP"), GREY),
    "bmp palette": (pil(palette_image(), "BMP"), COLOURS[INDICES]),
    "bmp rgb": (pil(RGB, "BMP"), RGB),
    "bmp rgba": (pil(np.dstack([RGB, ALPHA]), "BMP"), RGB),
    "tif 1 bit": (pil(BITS, "TIFF"), BITS * np.uint8(255)),
    "tif bool by tifffile": (tif(BITS), BITS * np.uint8(255)),
    "tif grey": (tif(GREY), GREY),
    "tif white is zero": (tif(255 - GREY, photometric="miniswhite"), GREY),
    "tif grey and alpha": (tif(np.dstack([GREY, ALPHA]), **PAGES, planarconfig="contig", extrasamples=[2]), GREY),
    "tif rgb": (tif(RGB, photometric="rgb"), RGB),
    "tif rgba": (tif(np.dstack([RGB, ALPHA + GREY]), photometric="rgb"), RGB),
    "tif palette": (tif(INDICES, photometric="palette", colormap=CMAP), COLOURS[INDICES]),
    "tif grey 16 big endian": (tif(DEEP, byteorder=">"), DEEP),
    "tif rgb 16 deflate": (tif(DEEP_RGB, photometric="rgb", compression="deflate", predictor=True), DEEP_RGB),
    "tif tiles": (tif(np.tile(DEEP, (8, 8)), tile=(16, 16)), np.tile(DEEP, (8, 8))),
    "tif planar": (tif(FIRST, **PLANAR), DEEP_RGB),
    "tif planar rgba": (tif(np.concatenate([FIRST, [DEEP]]), **PLANAR), DEEP_RGB),
    "tif channel pages": (tif(FIRST, **PAGES, metadata={"axes": "CYX"}), DEEP_RGB),
    "tif channel pages of ImageJ": (tif(FIRST, imagej=True, metadata={"axes": "CYX"}), DEEP_RGB),
    "tif channel pages of OME": (tif(FIRST, ome=True, **PAGES, metadata={"axes": "CYX"}), DEEP_RGB),
    "tif empty fourth channel": (
        tif(np.concatenate([FIRST, 0 * FIRST[:1]]), **PAGES, metadata={"axes": "CYX"}),
        np.dstack([DEEP_RGB, 0 * DEEP]),
    ),
    "tif rgb, empty fourth channel": (
        tif(np.dstack([RGB, ALPHA]), photometric="rgb", extrasamples=["unspecified"]),
        RGB,
    ),
    "tif rgb, fourth channel": (
        tif(np.dstack([RGB, GREY]), photometric="rgb", extrasamples=["unspecified"]),
        np.dstack([RGB, GREY]),
    ),
    "tif two channels": (tif(FIRST[:2], **PAGES, metadata={"axes": "CYX"}), DEEP_RGB[..., :2]),
    "tif two channels of ImageJ": (tif(FIRST[:2], imagej=True, metadata={"axes": "CYX"}), DEEP_RGB[..., :2]),
    "tif five channels": (
        tif(np.dstack([RGB, RGB])[..., :5], **PAGES, planarconfig="contig"),
        np.dstack([RGB, RGB])[..., :5],
    ),
    "tif five planar channels": (
        tif(np.concatenate([FIRST, FIRST[:2]]), **PAGES, planarconfig="separate", compression="deflate"),
        np.dstack([DEEP_RGB, DEEP_RGB[..., :2]]),
    ),
    "tif four fluorescences": (
        tif(np.concatenate([FIRST, [DEEP + 1]]), ome=True, **PAGES, metadata={"axes": "CYX"}),
        np.dstack([DEEP_RGB, DEEP + 1]),
    ),
    "tif one channel first": (tif(DEEP[None], metadata={"axes": "CYX"}), DEEP),
    "tif bigtiff": (tif(DEEP, bigtiff=True), DEEP),
    "tif int32": (tif(DEEP.astype(np.int32) - 9), DEEP.astype(np.int32) - 9),
    "tif int64": (tif(DEEP.astype(np.int64) << 33), DEEP.astype(np.int64) << 33),
    "tif uint32": (tif(DEEP.astype(np.uint32) << 16), DEEP.astype(np.uint32) << 16),
    "tif float32": (tif(FLOAT), FLOAT),
    "tif float64": (tif(FLOAT.astype(np.float64)), FLOAT),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_pixels(kind):
    data, expected = KINDS[kind]
    expected = expected if expected.ndim == 3 else expected[..., None]
    array = decode_image(data, "x")
    assert array.dtype == expected.dtype
    assert array.flags.c_contiguous
    assert array.shape == expected.shape
    assert (array == expected).all()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_jpeg_as_pillow_decodes_it(options):
    smooth = cv2.resize(RGB, (64, 48), interpolation=cv2.INTER_CUBIC)
    for image in (smooth, smooth[..., 0]):
        data = pil(image, "JPEG", quality=90, **options)
        expected = np.asarray(Image.open(io.BytesIO(data))).reshape(48, 64, -1).astype(int)
        assert decode_image(data, "x").shape == expected.shape
        assert (
            abs(decode_image(data, "x") - expected).max() <= 2
        )  # two builds of the same library may round differently


REFUSED = {
    "CMYK JPEG": (pil(RGB, "JPEG", mode="CMYK"), "a CMYK JPEG .*convert it to RGB"),
    "CMYK TIFF": (pil(RGB, "TIFF", mode="CMYK"), "a CMYK TIFF .*convert it to RGB"),
    "z stack": (
        tif(FIRST, **PAGES, metadata={"axes": "ZYX"}),
        r"a stack of 3 planes \(z 3\); choose with data.plane or",
    ),
    "unnamed stack": (tif(FIRST, **PAGES), "a stack of 3 pages without a description of what they are; if they are p"),
    "volume": (
        tif(FIRST, **PAGES, volumetric=True),
        r"a stack of 3×4×5 \(.*\) that is not stored plane by plane; split",
    ),
    "not finite": (tif(np.where(DEEP > 9000, np.inf, FLOAT)), "17 of 20 values are not finite"),
    "complex": (tif(FLOAT.astype(np.complex64)), "a TIFF of complex64 values"),
    "L*a*b*": (pil(RGB, "TIFF", mode="LAB"), "a TIFF of CIELAB colours"),
    "animation": (pil(RGB, save_all=True, append_images=[Image.fromarray(255 - RGB)]), "an animated PNG; split"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_kinds_are_refused_with_advice(kind):
    data, told = REFUSED[kind]
    with pytest.raises(FileError, match=f"^a.x: {told}") as caught:
        decode_image(data, "a.x")
    assert caught.value.kind == "content"  # a whole image, but not one of a usable kind


def test_a_compression_of_another_package_is_an_instruction():
    data = pil(RGB, "TIFF", compression="tiff_lzw")
    try:
        import imagecodecs  # noqa: F401
    except ImportError:
        with pytest.raises(DataError, match=r"a\.tif: compressed .*: pip install imagecodecs"):
            decode_image(data, "a.tif")
    else:
        assert (decode_image(data, "a.tif") == RGB).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_images_masks_and_labels_alike(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = cv2.resize(BITS * np.uint8(255), (40, 24), interpolation=cv2.INTER_NEAREST_EXACT)
    for kind in ("JPEG", "PNG", "TIFF"):
        data = pil(stored, kind, exif=exif)
        upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
        assert upright.shape == ((24, 40) if orientation < 5 else (40, 24))
        assert abs(decode_image(data, "x")[..., 0].astype(int) - upright).max() <= 2
        assert (decode_mask(data, "x", threshold=0.5) == (upright > 127)).all()
        if kind != "JPEG":
            assert (decode_labels(data, "x") == upright).all()


def test_the_turns_of_a_letter():
    """By hand, as the EXIF standard draws it: an L-shaped corner, stored with each orientation of the same picture."""
    seen = [[1, 1, 1], [1, 0, 0]]
    stored = {
        1: [[1, 1, 1], [1, 0, 0]],
        2: [[1, 1, 1], [0, 0, 1]],
        3: [[0, 0, 1], [1, 1, 1]],
        4: [[1, 0, 0], [1, 1, 1]],
        5: [[1, 1], [1, 0], [1, 0]],
        6: [[1, 0], [1, 0], [1, 1]],
        7: [[0, 1], [0, 1], [1, 1]],
        8: [[1, 1], [0, 1], [0, 1]],
    }
    for orientation, values in stored.items():
        data = tif(np.array(values, np.uint8), extratags=[(274, 3, 1, orientation, True)])
        assert decode_mask(data, "x").tolist() == seen, orientation


def test_a_broken_or_foreign_exif_block_turns_nothing():
    for block in (b"", b"II*\0", b"II*\0\x08\0\0\0\xff\xff", b"none of it"):
        rows = b"".join(b"\0" + row.tobytes() for row in GREY)
        data = png_by_hand(4, 5, rows=rows, extra=png_chunk(b"eXIf", block))
        assert (decode_image(data, "x")[..., 0] == GREY).all()


def test_files_are_read_by_content_whatever_their_extension(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(pil(DEEP))
    assert (read_image(path)[..., 0] == DEEP).all()
    assert (decode_labels(path.read_bytes(), "x") == DEEP).all()
    path.write_bytes(pil(BITS))
    assert (read_mask(path) == BITS).all()
