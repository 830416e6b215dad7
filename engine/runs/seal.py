"""A seal on a zip archive, such as torch.save writes: any flipped bit and any cut breaks it.

The seal is the archive's comment, so that every zip reader still opens the file: the length field of the comment,
`MARKER`, and eight hexadecimal digits, the CRC-32 of everything before them, length field and marker included. A CRC-32
misses no single flipped bit and no burst of up to 32, and of other damage one case in four thousand million. It guards
against disks, not against people, who could seal anew; reading executes nothing either way
(engine/runs/checkpoint_file.py).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

MARKER = b"sealed crc32 "
_DIGITS = 8
_TAIL = struct.pack("<H", len(MARKER) + _DIGITS) + MARKER
_END = 22  # bytes of a zip archive's end record; its signature comes first, its comment's length last
_CHUNK = 2**20  # smaller pieces are written together


class SealingWriter:
    """A file for torch.save or zipfile to write an archive into, front to back; `finish` seals it.

    Args:
        write: takes the pieces of the sealed file.
    """

    def __init__(self, write: Callable[[bytes | memoryview], object]) -> None:
        self._write, self._crc = write, 0
        self._held = bytearray()  # at least the archive's last bytes so far, which the seal may have to change

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
        """What is held back is written by `finish`."""

    def finish(self) -> None:
        """Writes the rest and the seal.

        Raises:
            ValueError: what was written is no zip archive, or one that has a comment already.
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
    """Whether `content` is exactly what a `SealingWriter` made."""
    body, digits = memoryview(content)[:-_DIGITS], content[-_DIGITS:]
    return body[-len(_TAIL) :] == _TAIL and b"%08x" % zlib.crc32(body) == digits


def has_seal(content: bytes) -> bool:
    """Whether a seal stands at the end of `content`, valid or not."""
    return MARKER in content[-_DIGITS - len(_TAIL) :]
