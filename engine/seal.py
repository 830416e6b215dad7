"""A seal on a zip archive, such as torch.save writes: any flipped bit and any cut breaks it.

The seal is the archive's comment, so that every zip reader still opens the file: the length field of the comment,
`MARKER`, and the hexadecimal BLAKE2b-256 digest of everything before it, length field and marker included.
"""

from __future__ import annotations

import hashlib
import struct
import threading
from collections.abc import Iterator

MARKER = b"blake2b-256 "
_DIGEST = 64  # characters
_TAIL = struct.pack("<H", len(MARKER) + _DIGEST) + MARKER


def sealed(archive: bytes | memoryview) -> Iterator[bytes | memoryview]:
    """The pieces of the sealed file; the digest is computed while the first of them is being written.

    Raises:
        ValueError: no zip archive, or one that has a comment already.
    """
    view = memoryview(archive)
    if view[-22:-18] != b"PK\5\6" or view[-2:] != b"\0\0":
        raise ValueError("a zip archive without a comment is expected")
    digest = hashlib.blake2b(digest_size=_DIGEST // 2)
    hashing = threading.Thread(target=digest.update, args=(view[:-2],))
    hashing.start()
    yield view[:-2]
    hashing.join()
    digest.update(_TAIL)
    yield _TAIL + digest.hexdigest().encode()


def is_sealed(content: bytes) -> bool:
    """Whether `content` is exactly what `sealed` made."""
    body, digest = memoryview(content)[:-_DIGEST], content[-_DIGEST:]
    if body[-len(_TAIL) :] != _TAIL:
        return False
    return hashlib.blake2b(body, digest_size=_DIGEST // 2).hexdigest().encode() == digest


def has_seal(content: bytes) -> bool:
    """Whether a seal stands at the end of `content`, valid or not."""
    return MARKER in content[-_DIGEST - len(_TAIL) :]
