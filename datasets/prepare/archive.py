"""Zip archives, checked before anything is read from them: names, links, passwords, sizes."""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
from pathlib import Path

from system.errors import DataError

MAX_DIRECTORY = 2**24  # bytes of the list of entries
MAX_ENTRIES = 40_000  # what can be listed and refused within half a second; more are read from a folder
MAX_ENTRY = 2**30  # bytes of one entry, unpacked
MAX_TOTAL = 2**38  # of all
MAX_RATIO = 200  # unpacked to packed bytes: images are at most some ten times as large, and deflate reaches 1032
SMALL = 2**20  # bytes that an entry may have at any ratio: masks that are nearly empty
LISTED, END, END_64 = b"PK\1\2", b"PK\5\6", b"PK\6\6"


def open_archive(path: Path) -> zipfile.ZipFile:
    """A zip archive whose entries may be read by their names.

    Raises:
        DataError: no whole zip archive, or one that was not made to hold images: entries with a way out of the folder,
            links, passwords, names given twice, or sizes made to fill up the disk or the memory.
    """
    try:
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
    """Refuses a list of entries that would use up the memory, which zipfile reads whole."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 2**16 - 98))  # the end record, its comment, and the two of large archives before it
        tail = file.read()
    place = tail.rfind(END)
    if place < 0 or len(tail) < place + 22:
        raise zipfile.BadZipFile("no list of entries at its end")
    (listed,) = struct.unpack_from("<I", tail, place + 12)
    large = tail.rfind(END_64, 0, place)
    if large >= 0 and len(tail) >= large + 48:
        listed = max(struct.unpack_from("<Q", tail, large + 40)[0], listed if listed < 2**32 - 1 else 0)
    if listed > MAX_DIRECTORY:
        raise DataError(f"{path}: a list of entries of {listed} bytes, at most {MAX_DIRECTORY} are read; unpack it")
    with path.open("rb") as file:
        file.seek(max(0, size - len(tail) - listed))
        entries = file.read().count(LISTED)
    if entries > MAX_ENTRIES:
        raise DataError(f"{path}: {entries} entries, at most {MAX_ENTRIES} are read; unpack it and give the folder")


def _fault_of(entry: zipfile.ZipInfo, seen: set[str]) -> str | None:
    name = entry.orig_filename
    parts = re.split(r"[/\\]", name)
    if name.startswith(("/", "\\")) or ".." in parts or ":" in name:
        return "leads out of the folder"
    if "\\" in name or any(ord(letter) < 32 for letter in name):
        return "holds a backslash or a control character"
    if entry.filename in seen:
        return "is there twice"
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    if entry.flag_bits & 1:
        return "needs a password; unpack the archive"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in a way that is not read; unpack the archive"
    ratio = entry.file_size / max(1, entry.compress_size)
    if entry.file_size > MAX_ENTRY or (entry.file_size > SMALL and ratio > MAX_RATIO):
        return f"grows from {entry.compress_size} to {entry.file_size} bytes"
    return None


def _check_sizes(archive: zipfile.ZipFile, path: Path) -> None:
    entries = archive.infolist()
    total, packed, size = sum(e.file_size for e in entries), sum(e.compress_size for e in entries), path.stat().st_size
    if total > MAX_TOTAL:
        raise DataError(f"{path}: {total} bytes when unpacked, at most {MAX_TOTAL} are read; unpack what is needed")
    if packed > size:
        raise DataError(f"{path}: its entries overlap, {packed} bytes of them in a file of {size}; download it again")
