"""Which ids can name files, and that the longest of them fits what is written."""

import errno
import os
import sys
import unicodedata

import pytest

from system.errors import DiskError
from system.files import write_bytes
from system.names import MAX_BYTES, fault_of_id, unwritable

CANNOT_BE_SHOWN = "it contains characters that cannot be shown"
FAULTS = {
    "a\nb": CANNOT_BE_SHOWN,
    "a\x0bb": CANNOT_BE_SHOWN,
    "a\x7fb": CANNOT_BE_SHOWN,
    "a\u0085b": CANNOT_BE_SHOWN,
    "a\u2028b": CANNOT_BE_SHOWN,
    "a\udcffb": CANNOT_BE_SHOWN,  # how Python shows the byte 255 of a name that is not UTF-8
    "A01/a\nb": CANNOT_BE_SHOWN,
    "A\u2028/i0": CANNOT_BE_SHOWN,
    "": "it has an empty part",
    "A01//i0": "it has an empty part",
    "/i0": "it has an empty part",
    "A01/": "it has an empty part",
    "../i0": "'..' would lead to another folder",
    "A01/../../i0": "'..' would lead to another folder",
    "./i0": "'.' would lead to another folder",
    "x" * 250: "'xxxxxxxxxxxxxxxxxxxx…' has 250 bytes in UTF-8; at most",
    "é" * 125: "has 250 bytes in UTF-8; at most",
    "A01/" + "x" * 250: "has 250 bytes in UTF-8; at most",
}
FREE = ["a,b", 'a"b', "=1+1", " a", "a.", "..a", "a..", "...", "细胞", "A01/i0", "a\\b", "nul", "x" * MAX_BYTES]


@pytest.mark.parametrize("name", FAULTS)
def test_ids_that_cannot_name_files(name):
    assert FAULTS[name] in fault_of_id(name)


def test_ids_that_can():
    assert [name for name in FREE if fault_of_id(name)] == []
    assert fault_of_id("/".join(["x" * MAX_BYTES] * 3)) is None  # the limit is for each part
    assert fault_of_id("x" * (MAX_BYTES + 1)) is not None


@pytest.mark.skipif(sys.platform == "win32", reason="a name may have 255 UTF-16 units there")
def test_the_longest_id_fits_every_file_that_is_named_after_it(tmp_path, monkeypatch):
    longest = "x" * MAX_BYTES
    monkeypatch.setattr(os, "getpid", lambda: 2**22)  # the highest number that Linux gives a process
    for extension in (".png", ".tif", ".csv", ".txt", ".geojson"):
        write_bytes(tmp_path / (longest + extension), b"")
    with pytest.raises(DiskError) as refused:  # the control: a name of 250 bytes does not fit
        write_bytes(tmp_path / ("x" * 250 + ".csv"), b"")
    assert refused.value.__cause__.errno == errno.ENAMETOOLONG


def test_what_cannot_be_shown_is_what_unicode_calls_so():
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    for letter in map(chr, range(0x10000)):
        hidden = (
            unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(letter) in turning
        )
        assert unwritable(f"a{letter}b") == hidden, hex(ord(letter))
