"""Random and mutated headers of image files: each is refused with its name, or read. Nothing else may be raised."""

import collections
import random
import struct
import zlib

import numpy as np
import pytest
from support.image_files import GREY, RGB, palette_image, pil, png_by_hand, png_chunk, tif

from images.formats.headers import ORIENTATION, directories, exif_orientation
from images.reading import decode_image, decode_labels
from system.errors import DataError

ROWS = b"".join(b"\0" + row.tobytes() for row in GREY)


def exif(orientation):
    return b"Exif\0\0" + exif_block(orientation)


def exif_block(orientation):
    return b"II*\0" + struct.pack("<IHHHIII", 8, 1, ORIENTATION, 3, 1, orientation, 0)


PNG = png_by_hand(4, 5, rows=ROWS, extra=png_chunk(b"acTL", bytes(8)) + png_chunk(b"eXIf", exif_block(6)))
JPEG = pil(RGB, "JPEG", exif=exif(3))
BIG_TIFF = tif(RGB, photometric="rgb", bigtiff=True)
SEEDS = {
    "png": [PNG, pil(palette_image()), pil(RGB)],
    "jpeg": [JPEG, pil(GREY, "JPEG", progressive=True)],
    "bmp": [pil(RGB, "BMP"), pil(palette_image(), "BMP")],
    "tiff": [tif(RGB, photometric="rgb"), BIG_TIFF, pil(GREY, "TIFF"), tif(GREY, metadata={"axes": "YX"}, ome=True)],
}
SIGNATURES = {"png": [b"\x89PNG\r\n\x1a\n"], "jpeg": [b"\xff\xd8\xff"], "bmp": [b"BM"]}
SIGNATURES["tiff"] = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II+\0\x08\0\0\0"]
LIMIT = 2**16  # pixels, so that a header which claims more is refused, and no trial takes long
VALUES = [0, 1, 2, 3, 4, 7, 8, 127, 128, 255, 256, 65_535, 2**16, 2**31 - 1, 2**31, 2**32 - 1]


def random_file(kind, chance):
    """The signature of a format and random bytes."""
    return chance.choice(SIGNATURES[kind]) + chance.randbytes(chance.choice((0, 1, 4, 12, 30, 100, 400)))


def mutated(data, chance):
    """A file with some bytes changed, numbers overwritten, or a part cut out, repeated or left out at the end."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        if not out:
            break
        place, how = chance.randrange(len(out)), chance.randrange(5)
        if how == 0:
            out[place] = chance.randrange(256)
        elif how == 1:
            number = struct.pack(chance.choice("<>") + "I", chance.choice(VALUES))[chance.choice((0, 2)) :]
            out[place : place + len(number)] = number
        elif how == 2:
            del out[place : place + chance.choice((1, 2, 4, 12))]
        elif how == 3:
            out[place:place] = out[place : place + chance.choice((1, 4, 12, 40))]
        else:
            del out[max(place, 1) :]
    return bytes(out)


def mutated_chunks(data, chance):
    """A PNG whose chunks are changed, left out or exchanged, with right checksums: they hide most other mutations."""
    chunks, place = [], 8
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        chunks.append((kind, data[place + 8 : place + 8 + length]))
        place += 12 + length
    for _ in range(chance.choice((1, 2))):
        index = chance.randrange(len(chunks))
        kind, content = chunks[index]
        how = chance.randrange(5)
        if how == 0:
            chunks[index] = kind, content[: chance.randrange(len(content) + 1)]
        elif how == 1 and content:
            chunks[index] = kind, mutated(content, chance)
        elif how == 2:
            chunks[index] = chance.choice((b"acTL", b"eXIf", b"PLTE", b"tRNS", b"IDAT", b"IHDR")), content
        elif how == 3:
            chunks.insert(chance.randrange(len(chunks)), (kind, content))
        else:
            del chunks[index]
        chunks = chunks or [(b"IEND", b"")]
    return data[:8] + b"".join(png_chunk(*chunk) for chunk in chunks)


def made(kind, seed):
    """The file of one trial."""
    chance = random.Random(f"{kind} {seed}")
    if seed % 10 == 0:
        return random_file(kind, chance)
    data = chance.choice(SEEDS[kind])
    return mutated_chunks(data, chance) if kind == "png" and seed % 10 < 8 else mutated(data, chance)


def outcome(data, decode):
    """ "read", "refused", or what else came out."""
    try:
        decode(data, "x", max_pixels=LIMIT)
    except DataError as error:
        return "refused" if str(error).startswith("x: ") else f"refused without its name: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "read"


@pytest.mark.parametrize("kind", SEEDS)
def test_images_are_refused_or_read(kind, trials, tell, capfd):
    count = trials(300, 10_000)
    assert {outcome(data, decode_image) for data in SEEDS[kind]} == {"read"}
    found = collections.Counter()
    for seed in range(count):
        data = made(kind, seed)
        found[outcome(data, decode_labels if seed % 3 == 0 else decode_image)] += 1
    assert set(found) == {"refused", "read"}
    assert capfd.readouterr().out == ""  # libpng and libjpeg write warnings to stderr
    tell(f"random and mutated headers, {kind}", count, f"{found['refused']} refused, {found['read']} read")


def test_blocks_of_exif_have_an_orientation(trials, tell):
    count = trials(300, 10_000)
    assert exif_orientation(exif_block(6)) == 6
    for seed in range(count):
        chance = random.Random(seed)
        block = mutated(exif_block(6), chance) if seed % 10 else chance.randbytes(chance.randrange(60))
        assert isinstance(exif_orientation(block), int)
    tell("random and mutated EXIF blocks", count, "all read as some orientation")


@pytest.mark.parametrize(
    "data",
    [
        png_by_hand(4, 5, rows=ROWS, extra=png_chunk(b"acTL", b"")),
        png_by_hand(4, 5, rows=ROWS, extra=png_chunk(b"acTL", b"\0\0\0")),
    ],
)
def test_a_cut_off_chunk_of_an_animation_is_damage(data):
    with pytest.raises(DataError, match="x: not a readable image: a cut-off or damaged PNG"):
        decode_image(data, "x")


def test_the_check_can_fail():
    """The control: an error of another kind is seen, and the mutations reach the pixels and the directories."""

    def broken(data, name, *, max_pixels):
        struct.unpack(">I", data[:3])

    assert outcome(b"abc", broken).startswith("error: unpack")
    assert len({made("tiff", seed) for seed in range(100)}) > 90
    chunks = mutated_chunks(PNG, random.Random(0))
    assert chunks != PNG
    assert struct.unpack(">I", chunks[29:33])[0] == zlib.crc32(chunks[12:29])
    assert next(directories(exif_block(6)))[ORIENTATION].value == 6
    assert np.array_equal(decode_image(PNG, "x").shape, (5, 4, 1))  # turned by its eXIf
