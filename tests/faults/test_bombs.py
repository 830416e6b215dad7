"""Small files that would grow when they are read are refused within half a second of processor time and 100 MB."""

import functools
import io
import os
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
from faults.runs import FULL
from support.hostile_tiffs import directories, ome, pages_that_share, stack_of_zeros, strip_of
from support.image_files import GREY, pil, png_by_hand, png_chunk, tif

from datasets.prepare.archive import open_archive
from images.planes import Selection
from images.reading import decode_image
from system.errors import ReportedError
from system.yaml_file import MAX_BYTES, parse_yaml, read_yaml

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="measures memory as Linux does"),  # noqa: PTH110
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
# Seconds. The promise is half a second; beside other work a processor needs several times as long for the same.
LIMIT = 0.5 if FULL else 2.0
SIDE = 16_000  # pixels: below the limit of the reader, so that the header alone does not refuse them
ROWS = b"".join(b"\0" + row.tobytes() for row in GREY)
JPEG = pil(np.tile(GREY, (10, 10)), "JPEG")
PROGRESSIVE = pil(np.tile(GREY, (10, 10)), "JPEG", progressive=True)
LAST_SCAN = PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]


@functools.cache  # it takes seconds
def zeros(count):
    return zlib.compress(bytes(count), 9)


def resized(data, marker):
    """A JPEG whose header claims SIDE×SIDE."""
    place = data.index(marker) + 5
    return data[:place] + struct.pack(">HH", SIDE, SIDE) + data[place + 4 :]


STACKS = {
    "tif: the brightest of 1,000 planes of 256 million pixels": (
        lambda: stack_of_zeros(1000, side=SIDE),
        Selection("max"),
    ),
    "tif: 1,000 channels of 256 million pixels": (lambda: stack_of_zeros(1000, side=SIDE), Selection(pages=1000)),
    "tif: a plane behind 4,096 others": (lambda: directories(4097), Selection("z=4096")),
}


OTHER_IMAGE = '<Image><Pixels DimensionOrder="XYCZT" SizeX="16" SizeY="16" SizeC="1" SizeZ="1" SizeT="1"/></Image>'
MODULO = '<StructuredAnnotations><XMLAnnotation ID="a" Namespace="modulo"><Value><Modulo><ModuloAlongT Type="lifetime" '
MODULO += 'Start="0" End="100000000"/></Modulo></Value></XMLAnnotation></StructuredAnnotations></OME>'
ENTITIES = '<!DOCTYPE x [<!ENTITY a "' + "x" * 1000 + '"><!ENTITY b "' + "&a;" * 1000 + '">]><OME '
IMAGES = {
    "tif: OME-XML of 1e8 planes": lambda: ome('SizeT="1"', 'SizeT="100000000"'),
    "tif: OME-XML of 1e8 channels": lambda: ome('SizeC="1"', 'SizeC="100000000"'),
    "tif: OME-XML of planes of 1e10 pixels": lambda: ome('SizeX="16"', 'SizeX="10000000000"'),
    "tif: OME-XML with 1e8 planes in a part": lambda: ome('PlaneCount="1"', 'PlaneCount="100000000"'),
    "tif: OME-XML with 1e8 planes in a part, old key": lambda: ome('PlaneCount="1"', 'NumPlanes="100000000"'),
    "tif: OME-XML of 30,000 images": lambda: ome("</OME>", 30_000 * OTHER_IMAGE + "</OME>"),
    "tif: OME-XML of 100,000 parts": lambda: ome("</Pixels>", 10**5 * "<TiffData/>" + "</Pixels>"),
    "tif: OME-XML with an axis along an axis": lambda: ome("</OME>", MODULO),
    "tif: OME-XML of 10 MB": lambda: ome("</OME>", 10**7 * " " + "</OME>"),
    "tif: OME-XML of a million tags": lambda: ome("</OME>", 10**6 * "<a/>" + "</OME>"),
    "tif: OME-XML with entities": lambda: ome("<OME ", ENTITIES),
    "tif: OME-XML, BigTIFF": lambda: ome('SizeT="1"', 'SizeT="100000000"', bigtiff=True),
    "png: rows that inflate to 128 MB": lambda: png_by_hand(4, 5, rows=ROWS + bytes(2**27)),
    "png: a large header, no pixels": lambda: png_by_hand(SIDE, SIDE),
    "jpg: a large header, no pixels": lambda: resized(JPEG, b"\xff\xc0"),
    "jpg: progressive, a large header": lambda: resized(PROGRESSIVE, b"\xff\xc2"),
    "jpg: 10,000 scans": lambda: PROGRESSIVE[:-2] + LAST_SCAN * 10**4 + b"\xff\xd9",
    "jpg: a million segments": lambda: JPEG[:2] + b"\xff\xe3\0\2" * 10**6 + JPEG[2:],
    "tif: a strip that inflates to 128 MB": lambda: strip_of(zeros(2**27), 8),
    "tif: 100,000 pages": lambda: directories(100_000),
    "tif: a million strips": lambda: directories(1, strips=10**6),
    "tif: a PNG of 256 million pixels as strip": lambda: strip_of(png_by_hand(SIDE, SIDE), 34933),
    "tif: a JPEG of 256 million pixels as strip": lambda: strip_of(resized(JPEG, b"\xff\xc0"), 7),
    "tif: 4,000 pages with the same 64,000 strips": lambda: pages_that_share(4000, strips=64_000),
    "tif: 4,000 pages with the same megabyte of text": lambda: pages_that_share(4000, text=10**6),
    "tif: 1,000 pages of 200 tags": lambda: pages_that_share(1000, tags=200),
    "bmp: a large header, no pixels": lambda: pil(GREY, "BMP").replace(
        struct.pack("<ii", 5, 4), struct.pack("<ii", SIDE, SIDE)
    ),
}
NESTED = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join(f'*{a}' for _ in range(9))}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
YAML = {
    "yaml: a billion laughs": NESTED,
    "yaml: a quadratic blow-up": "a: &a " + "x" * 50_000 + "\nb: [" + "*a, " * 10_000 + "]",
    "yaml: lists in lists": "[" * MAX_BYTES,
    "yaml: sections in sections": "{a: " * (MAX_BYTES // 4),
    "yaml: lists in lists, block style": "- " * (MAX_BYTES // 2),
    "yaml: many values": "[" + "1," * (MAX_BYTES // 2 - 1),
    "yaml: too large": "#" * (MAX_BYTES + 1),
}


def zip_of(entries, *, change=lambda info: None):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
            change(archive.infolist()[-1])
    return buffer.getvalue()


def lying(info):
    info.file_size = 2**31


def overlapping(count):
    """Returns an archive of `count` entries that all share the same million bytes."""
    data = bytearray(zip_of([("a/images/a.png", np.random.default_rng(0).bytes(10**6))]))
    listed = data.rindex(b"PK\1\2")
    entry, end = data[listed : data.rindex(b"PK\5\6")], data[data.rindex(b"PK\5\6") :]
    names = [f"{number:014d}".encode() for number in range(count)]
    struct.pack_into("<HHII", end, 8, count, count, count * len(entry), listed)
    return bytes(data[:listed]) + b"".join(bytes(entry[:46]) + name for name in names) + bytes(end)


ZIPS = {
    "zip: an entry that inflates to 200 MB": lambda: zip_of([("a/images/a.png", bytes(2 * 10**8))]),
    "zip: an entry that claims 2 GB": lambda: zip_of([("a/images/a.png", b"x")], change=lying),
    "zip: 30,000 entries over the same bytes": lambda: overlapping(30_000),
    "zip: 60,000 entries": lambda: overlapping(60_000),
    "zip: a list of entries of 64 MB": lambda: (
        zip_of([("a", b"")])[:-22] + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, 2**26, 0, 0)
    ),
}


def peak():
    """The most memory that this process has held since it was last reset, in MB."""
    with open("/proc/self/status") as file:  # noqa: PTH123
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


def measured(work, argument):
    """Calls `work` in a forked process. Returns what it raised, its seconds of processor time, and the MB it added."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with open("/proc/self/clear_refs", "w") as file:  # noqa: PTH123
                file.write("5")  # resets the peak
            before, started = peak(), time.process_time()
            try:
                work(argument)
                told = "nothing was refused"
            except ReportedError as error:
                told = f"refused: {error}"
            except BaseException as error:
                told = f"{type(error).__name__}: {error}"
            used = f"{time.process_time() - started:.6f}\t{peak() - before:.6f}\t{' '.join(told.split())[:300]}"
            os.write(writer, used.encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        seconds, megabytes, told = file.read().split("\t")
    os.waitpid(child, 0)
    return told, float(seconds), float(megabytes)


def least(work, argument):
    """Returns the quickest of three calls of `measured`, because other processes can only add to the time."""
    return min((measured(work, argument) for _ in range(3)), key=lambda one: one[1])


def refuse_all(cases, work, tell, kind):
    found = {name: least(work, argument) for name, argument in cases.items()}
    for name, (told, seconds, megabytes) in found.items():
        assert told.startswith("refused: "), (name, told)
        assert seconds < LIMIT, (name, seconds)
        assert megabytes < 100, (name, megabytes)
    slowest, largest = max(one[1] for one in found.values()), max(one[2] for one in found.values())
    tell(f"bombs, {kind}", len(found), f"all refused; at most {slowest:.2f} s of a processor and {largest:.0f} MB")


def test_image_bombs(tell):
    decode_image(tif(GREY, compression="deflate"), "x")  # imports aside
    decode_image(ome(), "x")  # the control: only what is changed in it is refused
    refuse_all({name: make() for name, make in IMAGES.items()}, lambda data: decode_image(data, "x"), tell, "images")


def test_bombs_of_which_a_plane_is_asked_for(tell):
    decode_image(directories(3), "x", selection=Selection("z=2"))  # the control, and imports aside
    for name, (make, selection) in STACKS.items():
        read = lambda data, selection=selection: decode_image(data, "x", selection=selection)
        refuse_all({name: make()}, read, tell, "stacks")


def test_a_stack_of_as_many_planes_as_are_read_takes_no_long(tell):
    data = directories(4096)
    read = lambda data: decode_image(data, "x", selection=Selection("z=4095"))
    decode_image(directories(3), "x", selection=Selection("max"))
    told, seconds, megabytes = least(read, data)
    assert told == "nothing was refused"
    assert seconds < 3
    assert megabytes < 100
    tell("stack of 4096 pages", 1, f"one plane is read in {seconds:.2f} s of a processor and {megabytes:.0f} MB")


def test_text_and_profiles_that_inflate_are_not_even_looked_at(capfd):
    for chunk in (b"zTXtx\0\0", b"iCCPx\0\0", b"iTXtx\0\1\0\0\0"):
        bomb = png_chunk(chunk[:4], chunk[4:] + zeros(2**27))
        told, seconds, megabytes = measured(
            lambda data: decode_image(data, "x"), png_by_hand(4, 5, rows=ROWS, extra=bomb)
        )
        assert told == "nothing was refused"
        assert seconds < LIMIT
        assert megabytes < 100
    assert capfd.readouterr() == ("", "")


def test_yaml_bombs(tell):
    refuse_all(YAML, lambda text: parse_yaml(text, "x"), tell, "yaml")


def test_of_a_large_yaml_file_only_the_first_part_is_read(tmp_path):
    with (tmp_path / "x.yaml").open("wb") as file:
        file.truncate(2**31)  # zeros that take no space
    told, seconds, megabytes = measured(read_yaml, tmp_path / "x.yaml")
    assert "more than 131072 bytes" in told
    assert seconds < LIMIT
    assert megabytes < 10


def test_zip_bombs(tell, tmp_path):
    paths = {}
    for number, (name, make) in enumerate(ZIPS.items()):
        paths[name] = tmp_path / f"{number}.zip"
        paths[name].write_bytes(make())
    refuse_all(paths, open_archive, tell, "zip")


def test_the_measure_sees_memory_and_time():
    assert measured(lambda size: np.ones(size, np.uint8).sum(), 2 * 10**8)[2] > 150
    assert measured(lambda count: sum(number % 7 for number in range(count)), 2 * 10**7)[1] > 0.2
