"""A flipped bit in an image file: refused, or an image of the full size that the file then declares."""

import io
import os
import resource
import struct
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from support.image_files import by_cv2, pil, tif

from datasets.check.folder import check
from images.reading import decode_image
from system.errors import DataError

NOISE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
SMOOTH = cv2.GaussianBlur(NOISE, (0, 0), 3)
DEEP = NOISE.astype(np.uint16) * 257
RGB = {"photometric": "rgb", "rowsperstrip": 8}
FORMATS = {
    "png 8": pil(NOISE),
    "png 16": by_cv2(DEEP),
    "jpg": pil(SMOOTH, "JPEG"),
    "jpg progressive": pil(SMOOTH, "JPEG", progressive=True),
    "tif 8": tif(NOISE, **RGB),
    "tif 16": tif(DEEP, **RGB),
    "tif lzw 8": pil(NOISE, "TIFF", compression="tiff_lzw"),
    "tif lzw 16": by_cv2(DEEP, ".tif"),
    "tif deflate 8": tif(NOISE, compression="deflate", **RGB),
    "tif deflate 16": tif(DEEP, compression="deflate", **RGB),
    "bmp": pil(NOISE, "BMP"),
}
FLIPS = 100
SECONDS = 5  # of a processor, for one file of 10 kB: what takes longer hangs


def flipped(data, seed):
    rng = np.random.default_rng(seed)
    damaged = bytearray(data)
    damaged[rng.integers(len(data))] ^= 1 << rng.integers(8)
    return bytes(damaged)


def declared(data):
    """The sizes [H, W] that others read in the file's header, upright and turned."""
    sizes = set()
    for read in (_by_pillow, _by_tifffile, _bmp_header):
        try:
            height, width = read(data)
        except Exception:  # a damaged header leads them to anything
            continue
        sizes |= {(abs(height), width), (width, abs(height))}
    return sizes


def _by_pillow(data):
    with Image.open(io.BytesIO(data)) as image:
        return image.size[::-1]


def _by_tifffile(data):
    page = tifffile.TiffFile(io.BytesIO(data)).pages[0]
    return page.imagelength, page.imagewidth


def _bmp_header(data):
    assert data[:2] == b"BM"
    return struct.unpack_from("<ii", data, 18)[::-1]


def outcome(data):
    try:
        shape = decode_image(data, "x").shape
    except DataError as error:
        return "refused" if str(error).startswith("x: ") else f"refused without its name: {error}"
    return "whole" if shape[:2] in declared(data) else f"an image of {shape}, declared are {declared(data)}"


def outcomes_in_another_process(name, count):
    """Decodes `count` damaged files in a forked process, which alone dies of what kills a process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            with os.fdopen(writer, "w") as file:
                for seed in range(count):
                    used = int(time.process_time())
                    resource.setrlimit(resource.RLIMIT_CPU, (used + SECONDS, used + 2 * SECONDS))
                    print(outcome(flipped(FORMATS[name], seed)), file=file, flush=True)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        lines = file.read().splitlines()
    status = os.waitpid(child, 0)[1]
    return lines, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("name", FORMATS)
def test_a_flipped_bit_is_refused_or_keeps_the_full_size(name, trials, tell, capfd):
    count = trials(25, FLIPS)
    assert outcome(FORMATS[name]) == "whole"
    outcomes, signal = outcomes_in_another_process(name, count)
    assert (signal, len(outcomes)) == (0, count)
    assert set(outcomes) <= {"refused", "whole"}
    assert outcomes.count("refused") == count or "png" not in name  # a PNG has checksums
    assert capfd.readouterr().out == ""
    kept = outcomes.count("whole")
    tell(f"bit flips, {name}", count, f"{outcomes.count('refused')} refused, {kept} of full size, 0 partial, 0 crashes")


def test_the_check_can_fail():
    """The control: an image that lost rows without a word is no longer of a declared size."""
    assert (40, 64) not in declared(FORMATS["png 8"])
    assert declared(FORMATS["tif 16"]) == declared(FORMATS["bmp"]) == {(48, 64), (64, 48)}


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp"])
def test_in_a_prepared_set_the_hash_catches_every_flip(suffix, trials, tell, tmp_path):
    import hashlib

    count = trials(25, FLIPS)
    name = {"png": "png 8", "jpg": "jpg", "tif": "tif 8", "bmp": "bmp"}[suffix]
    path = tmp_path / "images" / f"a.{suffix}"
    mask = np.zeros((48, 64), np.uint8)
    mask[5:9, 5:9] = 255
    for file, content in ((path, FORMATS[name]), (tmp_path / "masks/cell/a.png", pil(mask))):
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    files = [Path("images") / path.name, Path("masks/cell/a.png")]
    sums = "".join(f"{hashlib.sha256((tmp_path / f).read_bytes()).hexdigest()}  {f.as_posix()}\n" for f in files)
    (tmp_path / "SHA256SUMS").write_text(sums)
    (tmp_path / "dataset.yaml").write_text(f"sha256sums: {hashlib.sha256(sums.encode()).hexdigest()}\n")
    assert check(tmp_path).errors == 0
    caught = 0
    for seed in range(count):
        path.write_bytes(flipped(FORMATS[name], seed))
        caught += ("checksum", (f"images/{path.name}",)) in {(one.kind, one.files) for one in check(tmp_path).problems}
    assert caught == count
    tell(f"bit flips in a prepared set, {suffix}", count, f"{caught} named by datasets.check")
