"""The reader: masks of two values, soft masks with a threshold, and label maps."""

import struct
import zlib

import numpy as np
import pytest
from support.image_files import (
    BITS,
    CMAP,
    COLOURS,
    DEEP,
    GREY,
    INDICES,
    RGB,
    by_cv2,
    palette_image,
    pil,
    png_by_hand,
    png_chunk,
    tif,
)

from images.reading import decode_labels, decode_mask
from system.errors import DataError


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (0, 0), (255, 255), (1, 1), (0, 65_535)])
@pytest.mark.parametrize("write", [pil, tif, by_cv2])
def test_masks_of_two_values(values, write):
    stored = np.array([[values[0], values[1], values[0]]] * 2, np.uint16 if max(values) > 255 else np.uint8)
    expected = [[int(value > 0) for value in row] for row in stored]
    files = [write(stored)] if write is not by_cv2 else [write(stored), write(np.dstack([stored] * 3))]
    for data in files:
        for threshold in (None, 0.5):
            mask = decode_mask(data, "m", threshold=threshold)
            assert mask.dtype == np.uint8
            assert mask.tolist() == expected


@pytest.mark.parametrize(
    "data",
    [pil(BITS), tif(BITS), pil(BITS, "TIFF"), tif(BITS.astype(np.float32)), tif(BITS * np.float64(255))],
)
def test_masks_of_other_dtypes(data):
    assert (decode_mask(data, "m") == BITS).all()


def test_a_palette_mask_takes_its_colours():
    two = palette_image(np.array([[0, 0, 0], [255] * 3, [255] * 3, [0, 0, 0]], np.uint8))
    assert (decode_mask(pil(two), "m") == np.isin(INDICES, (1, 2))).all()
    with pytest.raises(DataError, match=r"m\.png: a coloured image where a mask of 0 and 255"):
        decode_mask(pil(palette_image()), "m.png", threshold=0.5)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (pil(np.array([[0, 128, 255]], np.uint8)), "mask values 0, 128, 255; allowed are 0 and 255, 0 and 1, or 0 and"),
        (pil(np.array([[0, 1, 2]], np.uint8)), "mask values 0, 1, 2;"),
        (pil(np.arange(256, dtype=np.uint8)[None]), "mask values 0, 1, 2, 3, 4, 5, …;"),
        (tif(np.array([[0, -1]], np.int16)), "mask values -1, 0;"),
        (tif(np.array([[0, 0.5]], np.float32)), "mask values 0.0, 0.5;"),
        (pil(BITS * np.uint8(255), "JPEG"), "a mask in JPEG"),
        (pil(np.zeros((8, 8), np.uint8), "JPEG"), "a mask in JPEG"),
    ],
)
def test_soft_masks_need_a_threshold(data, told):
    with pytest.raises(DataError, match=f"^m.png: {told}.*set data.mask_threshold"):
        decode_mask(data, "m.png")


def test_a_threshold_is_a_share_of_the_full_range():
    assert decode_mask(pil(np.array([[0, 127, 128, 255]], np.uint8)), "m", threshold=0.5).tolist() == [[0, 0, 1, 1]]
    assert decode_mask(pil(np.array([[0, 32_767, 32_768]], np.uint16)), "m", threshold=0.5).tolist() == [[0, 0, 1]]
    assert decode_mask(tif(np.array([[0.1, 0.25, 0.3]], np.float32)), "m", threshold=0.25).tolist() == [[0, 1, 1]]
    blocks = np.kron([[0, 255], [255, 0]], np.ones((16, 16))).astype(np.uint8)
    assert (decode_mask(pil(blocks, "JPEG", quality=80), "m", threshold=0.5) == blocks // 255).all()


LABELS = {
    "png 8": (pil(GREY), GREY, np.uint16),
    "png 16": (pil(DEEP), DEEP, np.uint16),
    "png 1 bit": (pil(BITS), BITS, np.uint16),
    "png 2 bits": (png_by_hand(1, 4, depth=2, rows=b"\0\x1b"), [[0, 1, 2, 3]], np.uint16),
    "png 4 bits": (png_by_hand(1, 4, depth=4, rows=b"\0\x07\xf1"), [[0, 7, 15, 1]], np.uint16),
    "palette": (pil(palette_image()), INDICES, np.uint16),
    "tif palette": (tif(INDICES, photometric="palette", colormap=CMAP), INDICES, np.uint16),
    "tif 16 big endian": (tif(DEEP, byteorder=">"), DEEP, np.uint16),
    "tif bool": (tif(BITS), BITS, np.uint16),
    "tif uint32": (tif(DEEP.astype(np.uint32) * 9), DEEP.astype(int) * 9, np.int32),
    "tif int64": (tif(DEEP.astype(np.int64)), DEEP, np.int32),
    "tif float": (tif(DEEP.astype(np.float32)), DEEP, np.int32),
    "equal channels": (pil(np.dstack([GREY] * 3)), GREY, np.uint16),
}


@pytest.mark.parametrize("kind", LABELS)
def test_label_ids_survive(kind):
    data, expected, dtype = LABELS[kind]
    labels = decode_labels(data, "x")
    assert labels.dtype == dtype
    assert (labels == expected).all()


GREY_PALETTE = COLOURS[[0, 3, 3, 3]]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (pil(GREY, "JPEG"), "a label map in JPEG"),
        (pil(RGB), "a coloured image where a label map"),
        (tif(np.array([[0, -3]], np.int32)), "values from -3 to 0; ids are whole numbers"),
        (tif(np.array([[0, 2.5]], np.float32)), "values from 0.0 to 2.5; ids"),
        (tif(np.array([[0, 2**31]], np.uint32)), "values from 0 to 2147483648; ids"),
        (
            pil(palette_image(GREY_PALETTE)),
            r"label ids as palette indices \(up to 3\) or as .*\(up to 255\)",
        ),
    ],
)
def test_other_label_maps_are_refused(data, told):
    with pytest.raises(DataError, match=f"^l.x: {told}"):
        decode_labels(data, "l.x")


def palette_file(*palettes):
    """A PNG of 2×3 zeros with these chunks of a palette."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 3, 0, 0, 0))
    chunks = [header, *(png_chunk(b"PLTE", one) for one in palettes)]
    chunks += [png_chunk(b"IDAT", zlib.compress(bytes(2 * 4))), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_labels_with_a_palette_of_one_black_colour_are_read():
    """The length of the chunk holds the same three zeros as its only colour."""
    assert np.array_equal(decode_labels(palette_file(bytes(3)), "x"), np.zeros((2, 3)))


def test_labels_with_two_palettes_are_damaged():
    with pytest.raises(DataError, match=r"damaged PNG \(2 palettes"):
        decode_labels(palette_file(bytes(3), bytes(3)), "x")
