"""counts.npz: what is written is read again, and no object of Python is loaded from it."""

import io

import numpy as np
import pytest
import torch

from inference.files.image_counts import read_counts, write_counts
from metrics import InstanceCounts, SegmentationCounts
from system.errors import FileError


@pytest.fixture
def written(tmp_path):
    labels = np.zeros((8, 8), np.int32)
    labels[1:4, 1:4] = 1
    pixels, objects = SegmentationCounts(), InstanceCounts()
    for truth, found in ((labels, labels), (labels, 0 * labels)):
        pixels.update(torch.from_numpy(found > 0)[None, None], torch.from_numpy(truth > 0)[None, None].float())
        objects.update(truth, found)
    path = tmp_path / "counts.npz"
    write_counts(path, ["a", "b"], pixels, objects)
    return path


def test_what_is_written_is_read(written):
    images = read_counts(written)
    assert images.ids == ("a", "b")
    assert images.pixels.tolist() == [[[9, 0, 0]], [[0, 0, 9]]]
    assert [(one.true, one.predicted, one.hits[0]) for one in images.objects] == [(1, 1, 1), (1, 0, 0)]
    assert (images + images.only([1])).ids == ("a", "b", "b")


def test_no_object_of_python_is_loaded(written):
    with np.load(written) as file:
        arrays = dict(file)
    content = io.BytesIO()
    np.savez(content, **arrays | {"ids": np.array(["a", "b"], object)})
    written.write_bytes(content.getvalue())
    with pytest.raises(FileError, match="no whole file of counts"):
        read_counts(written)


@pytest.mark.parametrize("length", [0, 1, 100])
def test_a_file_that_is_cut_off_is_refused(written, length):
    written.write_bytes(written.read_bytes()[:length])
    with pytest.raises(FileError, match="no whole file of counts"):
        read_counts(written)
