"""Zip archives. Names, links, passwords and sizes are checked before anything is read from them."""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
from pathlib import Path

from system.errors import DataError
from system.regular_file import require_regular

MAX_DIRECTORY = 2**24  # bytes of the list of entries
MAX_ENTRIES = 40_000  # so many can be listed and refused within half a second; a folder may have more
MAX_ENTRY = 2**30  # bytes of one unpacked entry
MAX_TOTAL = 2**38  # bytes of all unpacked entries
MAX_RATIO = 200  # unpacked to packed bytes: about 10 for images, while deflate can reach 1032
SMALL = 2**20  # bytes: a smaller entry may have any ratio, as masks that are nearly empty do
LISTED, END, END_64 = b"PK\1\2", b"PK\5\6", b"PK\6\6"


def open_archive(path: Path) -> zipfile.ZipFile:
    """Opens a zip archive whose entries can safely be read by their names.

    Raises:
        DataError: the file is no complete zip archive; or entries lead out of the folder, are links, need a password,
            have the same name, or have sizes that would fill the disk or the memory.
    """
    try:
        require_regular(path)
        _check_directory(path)
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"{path}: neither a folder nor a whole zip archive ({error}); download it again") from error
    seen: set[str] = set()
    try:
        _check_sizes(archive, path)
        for entry in archive.infolist():
            if fault := _fault_of(entry, seen):
                raise DataError(f"{path}: the entry {entry.orig_filename!r} {fault}; nothing was read from the archive")
            seen.add(entry.filename)
    except DataError:
        archive.close()
        raise
    return archive


def _check_directory(path: Path) -> None:
    """Refuses a list of entries that is too long, because zipfile reads all of it into memory."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        # The end of the file holds the end record, its comment, and the two end records of large archives before it.
        file.seek(max(0, size - 2**16 - 98))
        tail = file.read()
    place = tail.rfind(END)
    if place < 0 or len(tail) < place + 22:
        raise zipfile.BadZipFile("it does not end with a list of entries")
    (listed,) = struct.unpack_from("<I", tail, place + 12)
    large = tail.rfind(END_64, 0, place)
    if large >= 0 and len(tail) >= large + 48:
        listed = max(struct.unpack_from("<Q", tail, large + 40)[0], listed if listed < 2**32 - 1 else 0)
    if listed > MAX_DIRECTORY:
        sizes = f"its list of entries has {listed} bytes, and at most {MAX_DIRECTORY} are allowed"
        raise DataError(f"{path}: {sizes}; unpack it and give the folder")
    with path.open("rb") as file:
        file.seek(max(0, size - len(tail) - listed))
        entries = file.read().count(LISTED)
    if entries > MAX_ENTRIES:
        counts = f"it has {entries} entries, and at most {MAX_ENTRIES} are allowed"
        raise DataError(f"{path}: {counts}; unpack it and give the folder")


def _fault_of(entry: zipfile.ZipInfo, seen: set[str]) -> str | None:
    """What is wrong with an entry; None if nothing is. `seen` are the names of the entries before it."""
    name = entry.orig_filename
    parts = re.split(r"[/\\]", name)
    if name.startswith(("/", "\\")) or ".." in parts or ":" in name:
        return "leads out of the folder"
    if "\\" in name or any(ord(letter) < 32 for letter in name):
        return "has a backslash or a control character in its name"
    if entry.filename in seen:
        return "is there twice"
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    if entry.flag_bits & 1:
        return "needs a password; unpack the archive"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed by a method that is not supported; unpack the archive"
    ratio = entry.file_size / max(1, entry.compress_size)
    if entry.file_size > MAX_ENTRY or (entry.file_size > SMALL and ratio > MAX_RATIO):
        sizes = f"from {entry.compress_size} to {entry.file_size} bytes"
        return f"grows {sizes}; if it should be so large, unpack the archive and give the folder"
    return None


def _check_sizes(archive: zipfile.ZipFile, path: Path) -> None:
    entries = archive.infolist()
    total, packed, size = sum(e.file_size for e in entries), sum(e.compress_size for e in entries), path.stat().st_size
    if total > MAX_TOTAL:
        sizes = f"it has {total} bytes when unpacked, and at most {MAX_TOTAL} are allowed"
        raise DataError(f"{path}: {sizes}; unpack what is needed and give the folder")
    if packed > size:
        sizes = f"they have {packed} bytes together, in a file of {size} bytes"
        raise DataError(f"{path}: its entries overlap: {sizes}; download it again")
