"""The seal of a checkpoint notices every flipped bit and every cut, and other programs can read a sealed file."""

import io
import zipfile
import zlib

import pytest
import torch

from engine.runs.seal import MARKER, SealingWriter, has_seal, is_sealed


@pytest.fixture(scope="module")
def archive():
    buffer = io.BytesIO()
    torch.save({"a": torch.arange(5)}, buffer)
    return buffer.getvalue()


def sealed(content, piece=None):
    """Seals `content`, which is written `piece` bytes at a time, and returns the pieces of the sealed file."""
    pieces = []
    writer = SealingWriter(lambda one: pieces.append(bytes(one)))
    for start in range(0, len(content), piece or len(content) or 1):
        writer.write(content[start : start + (piece or len(content))])
    writer.finish()
    return pieces


@pytest.mark.parametrize("piece", [7, 2**20, 2**20 + 1, None])
def test_pieces_of_any_size_give_the_same_file(piece):
    buffer = io.BytesIO()
    torch.save({"a": torch.arange(700_000)}, buffer)
    whole = b"".join(sealed(buffer.getvalue(), piece))
    assert is_sealed(whole)
    assert whole[:-23] == buffer.getvalue()[:-2]
    assert int(whole[-8:], 16) == zlib.crc32(whole[:-8])


def test_every_flip_and_every_cut_breaks_it(archive):
    whole = b"".join(sealed(archive))
    assert is_sealed(whole)
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        assert not is_sealed(bytes(damaged)), bit
    assert not any(is_sealed(whole[:length]) for length in range(len(whole)))
    assert not is_sealed(whole + b"\0")


def test_zip_and_torch_read_on(archive, tmp_path):
    (tmp_path / "x.pth").write_bytes(b"".join(sealed(archive)))
    assert torch.load(tmp_path / "x.pth", weights_only=True)["a"].tolist() == [0, 1, 2, 3, 4]
    with zipfile.ZipFile(tmp_path / "x.pth") as opened:
        assert opened.testzip() is None
        assert opened.comment.startswith(MARKER)


def test_what_is_no_archive_or_has_a_comment_is_refused(archive):
    for content in (b"", b"no archive at all, only text", b"".join(sealed(archive))):
        with pytest.raises(ValueError, match="zip archive without a comment"):
            sealed(content)
    assert not has_seal(archive)
    assert not is_sealed(archive)
