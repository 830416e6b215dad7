"""Label maps of any size, read whole or by their rows."""

import numpy as np
import pytest
import tifffile

from images.labels import label_file
from images.labels.label_file import open_labels
from images.labels.label_tiff import write_labels
from system.errors import FileError

SMALL = np.arange(30 * 41).reshape(30, 41)


@pytest.mark.parametrize("above", [10, 2**24])
@pytest.mark.parametrize("factor", [1, 50, 10**6])
def test_both_ways_give_the_ids(above, factor, tmp_path, monkeypatch):
    """Files of 16 and of 32 bits; the rows lie in a file only where the map is large."""
    monkeypatch.setattr(label_file, "ABOVE", above)
    monkeypatch.setattr(label_file, "PIXELS_AT_ONCE", 100)
    write_labels(tmp_path / "a.tif", SMALL * factor)
    with open_labels(tmp_path / "a.tif", scratch=tmp_path) as labels:
        assert isinstance(labels, np.memmap) == (above == 10)
        assert np.array_equal(labels, SMALL * factor)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_large_files_of_other_kinds_are_read_whole(tmp_path, monkeypatch):
    """Signed ids, and three equal channels, as some tools save them."""
    monkeypatch.setattr(label_file, "ABOVE", 10)
    tifffile.imwrite(tmp_path / "a.tif", SMALL.astype(np.int32))
    tifffile.imwrite(tmp_path / "b.tif", np.dstack([SMALL] * 3).astype(np.uint16), photometric="rgb")
    for name in ("a.tif", "b.tif"):
        with open_labels(tmp_path / name, scratch=tmp_path) as labels:
            assert np.array_equal(labels, SMALL)


@pytest.mark.parametrize("above", [10, 2**24])
def test_a_file_that_is_cut_off(above, tmp_path, monkeypatch):
    monkeypatch.setattr(label_file, "ABOVE", above)
    write_labels(tmp_path / "a.tif", SMALL)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(FileError, match=r"a\.tif"), open_labels(tmp_path / "a.tif", scratch=tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_file_that_is_missing(tmp_path):
    with (
        pytest.raises(FileError, match=r"a\.tif: cannot be read"),
        open_labels(tmp_path / "a.tif", scratch=tmp_path),
    ):
        pass
