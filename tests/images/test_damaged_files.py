"""The reader: files that are cut off, damaged, mislabelled or absurdly large; never a part of an image."""

import importlib.util
import struct
import time
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from support.image_files import DEEP, GREY, PAGES, RGB, palette_image, pil, png_by_hand, png_chunk, tif

from images.reading import MAX_PIXELS, decode_image, decode_labels, read_bytes, read_image, read_mask
from system.errors import FileError

NOISE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
SMOOTH = cv2.GaussianBlur(NOISE, (0, 0), 3)
WHOLE = {
    "png": pil(NOISE),
    "png 16": pil(NOISE[..., 0].astype(np.uint16) * 257),
    "png palette": pil(palette_image().resize((64, 48))),
    "jpg": pil(SMOOTH, "JPEG"),
    "jpg with restarts": pil(SMOOTH, "JPEG", restart_marker_rows=1),
    "jpg progressive": pil(SMOOTH, "JPEG", progressive=True),
    "jpg with a thumbnail": pil(SMOOTH, "JPEG", exif=b"Exif\0\0" + pil(GREY, "JPEG")),
    "tif": tif(NOISE, photometric="rgb"),
    "tif directory last": pil(NOISE, "TIFF"),
    "tif deflate": tif(NOISE, photometric="rgb", compression="deflate", rowsperstrip=8),
    "tif lzw": pil(NOISE, "TIFF", compression="tiff_lzw"),
    "tif float": tif(NOISE[..., 0].astype(np.float32)),
    "tif channel pages": tif(np.moveaxis(NOISE, -1, 0), **PAGES, metadata={"axes": "CYX"}),
    "tif channels of ImageJ": tif(np.moveaxis(NOISE, -1, 0), imagej=True, metadata={"axes": "CYX"}, truncate=True),
    "tif channels of tifffile": tif(np.moveaxis(NOISE, -1, 0), **PAGES, metadata={"axes": "CYX"}, truncate=True),
    "bmp": pil(NOISE, "BMP"),
    "bmp palette": pil(palette_image().resize((64, 48)), "BMP"),
}


def outcome(data, expected):
    try:
        found = decode_image(data, "cut.x")
    except FileError as error:
        return "refused" if error.file == "cut.x" and error.kind == "unreadable" else f"refused otherwise: {error!r}"
    return "whole" if np.array_equal(found, expected) else "partial"


def needs_imagecodecs(kind):
    return kind == "tif lzw" and importlib.util.find_spec("imagecodecs") is None


@pytest.mark.parametrize("kind", WHOLE)
def test_a_cut_anywhere_is_refused_or_loses_nothing(kind, capfd):
    whole = WHOLE[kind]
    expected = None if needs_imagecodecs(kind) else decode_image(whole, kind)
    places = {len(whole) * part // 40 for part in range(40)} | {len(whole) - lost for lost in range(1, 25)}
    outcomes = [outcome(whole[:place], expected) for place in sorted(places)]
    assert set(outcomes) <= {"refused", "whole"}
    assert outcomes.count("refused") >= 40
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", WHOLE)
def test_bytes_after_the_end_change_nothing(kind):
    if not needs_imagecodecs(kind):
        assert outcome(WHOLE[kind] + b"\0" * 100, decode_image(WHOLE[kind], kind)) == "whole"


@pytest.mark.skipif(importlib.util.find_spec("imagecodecs") is None, reason="imagecodecs sees what OpenCV does not")
@pytest.mark.parametrize("kind", ["jpg", "jpg with restarts", "jpg with a thumbnail", "jpg progressive"])
def test_a_jpeg_cut_off_and_then_given_an_end_mark_is_refused(kind, capfd):
    whole = WHOLE[kind]
    scan = (whole.index if "progressive" in kind else whole.rindex)(b"\xff\xda") + 14
    for place in np.linspace(scan, len(whole) - 32, 40).astype(int):
        assert outcome(whole[:place] + b"\xff\xd9", decode_image(whole, kind)) == "refused"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["png", "png 16", "png palette"])
def test_a_changed_byte_in_a_png_is_seen(kind):
    """Each checksum covers its chunk's name and content; a changed length or checksum misses the next."""
    whole = WHOLE[kind]
    for place in range(8, len(whole), max(1, len(whole) // 150)):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        with pytest.raises(FileError, match=r"^x: not a readable image: a cut-off or damaged PNG|^x: \d+×\d+ pixels"):
            decode_image(bytes(damaged), "x")


def test_missing_rows_behind_right_checksums_are_seen():
    rows = b"".join(b"\0" + row.tobytes() for row in GREY)
    assert decode_image(png_by_hand(4, 5, rows=rows), "x")[..., 0].tolist() == GREY.tolist()
    for wrong, told in ((rows[:-6], "18 of 24 bytes"), (rows + bytes(10**6), "more than 24 bytes")):
        with pytest.raises(FileError, match=f"its rows inflate to {told}"):
            decode_image(png_by_hand(4, 5, rows=wrong), "x")
    with pytest.raises(FileError, match="without pixels"):
        decode_image(png_by_hand(4, 5).replace(png_chunk(b"IDAT", zlib.compress(b"")), b""), "x")


def test_zeroed_strips_of_a_tiff_are_seen():
    """A sparse TIFF, whose strips of no bytes tifffile fills with zeros."""
    whole = bytearray(tif(GREY, compression="deflate"))
    assert whole.count(struct.pack("<HHI", 279, 3, 1)) + whole.count(struct.pack("<HHI", 279, 4, 1)) == 1
    place = max(whole.find(struct.pack("<HHI", 279, kind, 1)) for kind in (3, 4))
    whole[place + 8 : place + 12] = bytes(4)
    with pytest.raises(FileError, match="damaged TIFF"):
        decode_image(bytes(whole), "x")


MISLABELLED = {
    b"": "an empty file",
    b"<!DOCTYPE html><title>404</title>": "an HTML page",
    b"\n <HTML>": "an HTML page",
    b"<?xml version='1.0'?><svg/>": "an XML or SVG document",
    b"GIF89a....": "a GIF image",
    b"RIFF\1\2\3\4WEBPVP8 ": "a WebP image",
    b"PK\3\4....": "a zip archive",
    b"%PDF-1.7": "a PDF document",
    b"version https://git-lfs.github.com/spec/v1\noid": "a Git LFS pointer, for which `git lfs pull`",
    b"\0\5\x16\7\0\2\0\0Mac OS X": "macOS metadata",
    b"\0" * 5000: "zeros only",
    b"id,split": "text that begins with 'id,split'",
    b"\x89\x90\x91\xff": "of no known format",
    b"BMW and Audi, all of it text and no picture": "a cut-off or damaged BMP",
}


@pytest.mark.parametrize("content", MISLABELLED, ids=MISLABELLED.values())
def test_what_is_no_image_is_refused_by_name(content, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    for read in (read_image, read_mask, lambda path: decode_labels(path.read_bytes(), str(path))):
        with pytest.raises(FileError) as refusal:
            read(path)
        assert str(refusal.value).startswith(f"{path}: not a readable image")
        assert (refusal.value.file, refusal.value.kind) == (str(path), "unreadable")
        assert MISLABELLED[content] in str(refusal.value)
        assert "remove it with its masks" in str(refusal.value)


def test_files_that_cannot_be_opened(tmp_path):
    for path, why in ((tmp_path / "absent.png", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(FileError, match=rf"{path.name}: cannot be read \({why}"):
            read_image(path)


SIDE = 60_000
BOMBS = {
    "png": png_by_hand(SIDE, SIDE, rows=bytes(10**6)),
    "jpg": WHOLE["jpg"].replace(struct.pack(">HH", 48, 64), struct.pack(">HH", SIDE, SIDE)),
    "bmp": WHOLE["bmp"].replace(struct.pack("<ii", 64, 48), struct.pack("<ii", SIDE, SIDE)),
    "tif": tif(GREY)
    .replace(struct.pack("<HHII", 256, 4, 1, 5), struct.pack("<HHII", 256, 4, 1, SIDE))
    .replace(struct.pack("<HHII", 257, 4, 1, 4), struct.pack("<HHII", 257, 4, 1, SIDE)),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_bombs_are_refused_at_once_and_without_memory(kind):
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(FileError, match=rf"^b: 60000×60000 pixels \(H×W\); at most {MAX_PIXELS}.*data.max_pixels"):
        decode_image(BOMBS[kind], "b")
    seconds = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 0.5
    assert peak < 2**20


def test_the_limit_is_on_pixels_of_each_format():
    for data in (pil(DEEP), pil(RGB, "JPEG"), tif(DEEP), pil(RGB, "BMP")):
        assert decode_image(data, "x", max_pixels=20).shape[:2] == (4, 5)
        with pytest.raises(FileError, match="4×5 pixels"):
            decode_image(data, "x", max_pixels=19)


def test_a_file_too_large_for_the_limit_is_not_even_loaded(tmp_path):
    path = tmp_path / "sparse.bmp"
    with path.open("wb") as file:
        file.truncate(2**25)
    with pytest.raises(FileError, match=r"sparse\.bmp: 33554432 bytes; at most .*raise data.max_pixels"):
        read_image(path, max_pixels=1000)


def test_the_most_bytes_that_are_loaded(tmp_path):
    """32 for each pixel, and 16 MB for metadata."""
    path, most = tmp_path / "a.bmp", 10 * 32 + 2**24
    for size in (most, most + 1):
        with path.open("wb") as file:
            file.truncate(size)
        if size == most:
            assert len(read_bytes(path, max_pixels=10)) == most
        else:
            with pytest.raises(FileError, match=f"{size} bytes; at most {most} are read for 10 pixels"):
                read_bytes(path, max_pixels=10)
