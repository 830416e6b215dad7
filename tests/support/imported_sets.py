"""Small sources for the importers, and what all their results must be."""

import io
import zipfile

import cv2
import numpy as np
import tifffile

from datasets.check.folder import check
from datasets.folder.data_folder import list_folder
from tasks import load_task


def png(array):
    return cv2.imencode(".png", array)[1].tobytes()


def tif(array):
    file = io.BytesIO()
    tifffile.imwrite(file, array)
    return file.getvalue()


def as_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def as_folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stored(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def two_cells(height=16, width=20, ids=(1, 2)):
    """A label map of two rectangles that touch, of 12 and of 20 pixels."""
    labels = np.zeros((height, width), np.int64)
    labels[2:5, 3:7], labels[5:9, 3:8] = ids
    return labels


def grey(seed, height=16, width=20, dtype=np.uint16):
    """An image of random values up to the type's largest."""
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, (height, width), dtype)


def accepted(folder, *tasks):
    """Returns the facts of the check, which finds no error, after each task has listed and read all samples."""
    report = check(folder)
    assert report.errors == 0, report.text()
    for name in tasks:
        listed = list_folder(folder, load_task(name))
        assert listed.samples
        for sample in listed.samples:
            shape = cv2.imread(str(sample.image), cv2.IMREAD_UNCHANGED).shape[:2]
            truth = listed.task.truth.read(sample.truth, like=sample.image, shape=shape, max_pixels=10**6)
            assert truth.shape[:2] == shape
    return report.facts
