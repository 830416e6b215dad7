"""Label maps in TIFF files: other readers and ours find the same numbers, and the kind follows the size."""

import tracemalloc

import cv2
import numpy as np
import pytest
import tifffile

from images.labels import label_tiff
from images.labels.label_tiff import write_labels
from images.reading import decode_labels
from system.errors import DiskError


def labels_up_to(highest, shape=(300, 700), dtype=np.uint32):
    labels = np.random.default_rng(0).integers(0, highest, shape, endpoint=True).astype(dtype)
    labels[-1, -1] = highest
    return labels


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.uint32, np.int64])
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (300, 700), (2, 300_000), (40_000, 3)])
def test_the_same_numbers_again(tmp_path, dtype, shape):
    labels, path = labels_up_to(60_000, shape, dtype), tmp_path / "labels.tif"
    write_labels(path, labels)
    assert (tifffile.imread(path) == labels).all()
    assert (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) == labels).all()
    assert (decode_labels(path.read_bytes(), "labels.tif") == labels).all()
    assert [p.name for p in tmp_path.iterdir()] == ["labels.tif"]


@pytest.mark.parametrize(
    ("highest", "dtype", "imagej"),
    [(0, np.uint16, True), (65_535, np.uint16, True), (65_536, np.uint32, False), (2**31, np.uint32, False)],
)
def test_the_kind_follows_the_highest_number(tmp_path, highest, dtype, imagej):
    labels, path = labels_up_to(highest), tmp_path / "labels.tif"
    write_labels(path, labels)
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        assert (page.dtype, file.is_imagej, file.is_bigtiff, page.compression) == (dtype, imagej, False, 8)
        assert (file.asarray() == labels).all()
        if imagej:
            about = file.imagej_metadata
            assert (about["images"], about["min"], about["max"]) == (1, 0, max(1, highest))
            assert file.byteorder == ">"  # the order in which ImageJ itself writes


@pytest.mark.parametrize("highest", [9, 70_000])
def test_large_files_are_plain_big_tiffs(tmp_path, monkeypatch, highest):
    """Four gigabytes are too many for a test: the limit is lowered."""
    labels, path = labels_up_to(highest), tmp_path / "labels.tif"
    limit = label_tiff.CLASSIC
    assert 2**31 < limit < 2**32
    monkeypatch.setattr(label_tiff, "CLASSIC", labels.size * (2 if highest < 2**16 else 4) - 1)
    write_labels(path, labels)
    with tifffile.TiffFile(path) as file:
        assert (file.is_bigtiff, file.is_imagej) == (True, False)
        assert (file.asarray() == labels).all()
    monkeypatch.setattr(label_tiff, "CLASSIC", label_tiff.CLASSIC + 1)
    write_labels(path, labels)
    with tifffile.TiffFile(path) as file:
        assert not file.is_bigtiff


@pytest.mark.parametrize(
    "labels",
    [np.zeros((2, 3, 4), np.int32), np.zeros((0, 4), np.int32), np.zeros((3, 4)), np.full((3, 4), -1),
     np.full((3, 4), 2**32)],
)  # fmt: skip
def test_what_is_no_label_map(tmp_path, labels):
    with pytest.raises(ValueError, match=r"expected|allowed"):
        write_labels(tmp_path / "labels.tif", labels)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_earlier_file(tmp_path, monkeypatch):
    path = tmp_path / "labels.tif"
    write_labels(path, labels_up_to(3))
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(label_tiff.zlib, "compress", full)
    with pytest.raises(DiskError, match=r"labels\.tif: cannot be written"):
        write_labels(path, labels_up_to(5))
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("highest", [9, pytest.param(70_000, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_image(tmp_path, highest):
    """32 million pixels, 128 MB."""
    labels = np.memmap(tmp_path / "labels", np.int32, "w+", shape=(8000, 4000))
    labels[100:200, 300:400] = 1
    labels[-1, -1] = highest
    write_labels(tmp_path / "warm.tif", labels[:10])  # imports what it needs
    tracemalloc.start()
    write_labels(tmp_path / "labels.tif", labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6
    assert (tifffile.imread(tmp_path / "labels.tif") == labels).all()
