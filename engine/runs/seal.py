"""A seal on a zip archive, such as torch.save writes it. Any flipped bit and any cut breaks the seal.

The seal is the comment of the archive, so that every program still opens the file. It consists of the length field of
the comment, `MARKER`, and eight hexadecimal digits: the CRC-32 of everything before them, the length field and the
marker included. A CRC-32 finds every single flipped bit and every burst of up to 32; of other damage it misses one case
in four thousand million. It protects against broken disks, not against people, who could write a new seal. A file with
a wrong seal does no harm either, because reading it executes nothing (engine/runs/checkpoint_file.py).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

MARKER = b"sealed crc32 "
_DIGITS = 8
_TAIL = struct.pack("<H", len(MARKER) + _DIGITS) + MARKER
_END = 22  # bytes of the end record of a zip archive: its signature comes first, the length of the comment last
_CHUNK = 2**20  # bytes; smaller pieces are collected


class SealingWriter:
    """A file that torch.save or zipfile can write an archive to, from front to back. `finish` seals it.

    Args:
        write: is called with the pieces of the sealed file.
    """

    def __init__(self, write: Callable[[bytes | memoryview], object]) -> None:
        self._write, self._crc = write, 0
        self._held = bytearray()  # at least the last bytes so far, which the seal may have to change

    def write(self, piece: bytes | memoryview) -> int:
        if len(piece) < _CHUNK:
            self._held += piece
        else:
            self._pass_on(self._held)
            body = memoryview(piece)[:-_END]
            self._pass_on(body)
            self._held = bytearray(piece[-_END:])
        if len(self._held) > _CHUNK:
            self._pass_on(memoryview(self._held)[:-_END])
            self._held = self._held[-_END:]
        return len(piece)

    def flush(self) -> None:
        """Does nothing: `finish` writes the bytes that are still held back."""

    def finish(self) -> None:
        """Writes the rest and the seal.

        Raises:
            ValueError: this is not a zip archive, or it has a comment already.
        """
        end = self._held[-_END:]
        if end[:4] != b"PK\5\6" or end[-2:] != b"\0\0":
            raise ValueError("a zip archive without a comment is expected")
        self._pass_on(self._held[:-2] + _TAIL)
        self._write(b"%08x" % self._crc)

    def _pass_on(self, piece: bytes | memoryview) -> None:
        self._crc = zlib.crc32(piece, self._crc)
        self._write(piece)


def is_sealed(content: bytes) -> bool:
    """Returns whether `content` is exactly what a `SealingWriter` wrote."""
    body, digits = memoryview(content)[:-_DIGITS], content[-_DIGITS:]
    return body[-len(_TAIL) :] == _TAIL and b"%08x" % zlib.crc32(body) == digits


def has_seal(content: bytes) -> bool:
    """Returns whether `content` ends with a seal, valid or not."""
    return MARKER in content[-_DIGITS - len(_TAIL) :]
