"""Images that are predicted block by block give the masks and cells of the whole image at once."""

import cv2
import numpy as np
import pytest
import tifffile
import torch
from skimage.measure import regionprops_table
from support.drawn_maps import drawn_labels
from torch import nn

from engine.device import choose_runtime
from images import regions
from images.image_reader import ImageFile, ImageReader
from images.normalise import Normalisation
from images.reading import read_image
from inference.cells.decode_file import ChosenDecoding
from inference.cells.decoding import decoding_by
from inference.ensemble import ensemble
from inference.files.outputs import PredictionFolder
from inference.pipeline import large, pipeline
from inference.pipeline.pipeline import Pipeline
from inference.pipeline.prediction_stages import PredictionStages
from inference.pipeline.stages import Threads
from inference.predictor import Predictor
from inference.tiling import TiledModel
from system.errors import FileError
from tasks.distance import Distance
from tasks.distance_maps import distance_map
from tasks.multilabel import Multilabel

SIDE = 384


class Shown(nn.Module):
    """A network that costs nothing: its maps are the red and the green channel of the image."""

    def forward(self, images):
        return images[:, :2].logit(eps=1e-4)


def predictor_of(task, *, tile=(64, 64), overlap=16):
    """The images are normalised to [0, 1]."""
    return Predictor(
        model=TiledModel(Shown(), tile=tile, overlap=overlap),
        task=task,
        reader=ImageReader(channels=3),
        normalise=Normalisation((0.0,) * 3, (1.0,) * 3),
        size=None,
        runtime=choose_runtime("cpu", "fp32"),
        epoch=1,
        decoding=ChosenDecoding(decoding_by("distance")) if isinstance(task, Distance) else None,
    )


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """A tiled TIFF whose channels are the maps of drawn nuclei; files of its size count as large."""
    labels = drawn_labels(SIDE, piece=128)
    maps = np.stack([0.8 * (labels > 0), distance_map(labels), 0 * labels], axis=-1)
    path = tmp_path / "photo.tif"
    pixels = np.rint(255 * maps).astype(np.uint8)
    tifffile.imwrite(path, pixels, tile=(64, 64), compression="zlib", photometric="rgb")
    for module, name in ((regions, "ABOVE"), (pipeline, "LARGE")):
        monkeypatch.setattr(module, name, 2**14)
    monkeypatch.setattr(regions.open_rows, "__kwdefaults__", {"above": 2**14})
    monkeypatch.setattr(regions.size_of_regions, "__kwdefaults__", {"above": 2**14})
    monkeypatch.setattr(regions.open_stored_rows, "__kwdefaults__", {"above": 2**14})
    return path


def predicted(predictor, paths, out):
    """Runs the pipeline of predict.py; returns the folder of the results, and the failures."""
    folder = PredictionFolder(out, predictor.task, cells=predictor.decoding is not None)
    out.mkdir()
    stages = PredictionStages(predictor, folder, threshold=None)
    images = [ImageFile(path.stem, path) for path in paths]
    return folder, Pipeline(stages, Threads(1, 1, compute=False)).run(images)


@pytest.mark.parametrize("runs", [1, 2])
def test_a_large_file_gives_the_masks_and_cells_of_the_whole_image(photo, tmp_path, monkeypatch, runs):
    monkeypatch.setattr(large, "SHOWN", 100)
    members = [predictor_of(Distance(("cell",))), predictor_of(Distance(("cell",)), tile=(96, 32))][:runs]
    predictor = ensemble(members, ["a", "b"][:runs])
    expected = predictor.predict(read_image(photo))
    assert expected.objects.labels.max() > 50
    folder, failures = predicted(predictor, [photo], tmp_path / "out")
    assert failures == []
    masks = cv2.imread(str(tmp_path / "out" / "masks" / "cell" / "photo.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(masks > 0, expected.masks[0])
    labels = tifffile.imread(tmp_path / "out" / "labels" / "photo.tif")
    assert labels.max() == expected.objects.labels.max()
    assert (labels != expected.objects.labels).sum() <= 10
    measured = np.genfromtxt(tmp_path / "out" / "cells" / "photo.csv", delimiter=",", names=True, deletechars="")
    table = regionprops_table(labels, read_image(photo), properties=("area", "solidity", "intensity_mean"))
    for name, values in table.items():
        np.testing.assert_allclose(measured[name], values, rtol=1e-9)
    overlay = cv2.imread(str(tmp_path / "out" / "overlays" / "photo.png"))
    assert overlay.shape == (96, 96, 3)  # every fourth pixel
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]  # the working files
    assert folder.is_done("photo")


def test_a_large_image_in_the_memory_and_a_task_without_cells(photo, tmp_path):
    cv2.imwrite(str(tmp_path / "photo.png"), read_image(photo)[..., ::-1])  # a PNG is read whole
    predictor = predictor_of(Multilabel(("a", "b")))
    expected = predictor.masks(read_image(photo))
    _, failures = predicted(predictor, [tmp_path / "photo.png"], tmp_path / "out")
    assert failures == []
    for name, mask in zip("ab", expected, strict=True):
        written = cv2.imread(str(tmp_path / "out" / "masks" / name / "photo.png"), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(written > 0, mask)
    assert (tmp_path / "out" / "classes" / "photo.png").exists()
    assert not (tmp_path / "out" / "labels").exists()


def test_a_large_file_that_is_damaged_inside_is_reported_and_the_others_are_done(photo, tmp_path):
    with tifffile.TiffFile(photo) as file:
        offset, count = file.pages[0].dataoffsets[20], file.pages[0].databytecounts[20]
    content = bytearray(photo.read_bytes())
    content[offset : offset + count] = bytes(count)
    (tmp_path / "broken.tif").write_bytes(content)
    folder, failures = predicted(predictor_of(Distance(("cell",))), [tmp_path / "broken.tif", photo], tmp_path / "out")
    assert [image.path.name for image, _ in failures] == ["broken.tif"]
    assert isinstance(failures[0][1], FileError)
    assert "broken.tif" in str(failures[0][1])
    assert folder.is_done("photo")
    assert not folder.is_done("broken")
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


def test_the_pixels_of_a_file_of_a_resizing_run_are_those_of_the_array(photo):
    predictor = predictor_of(Distance(("cell",)))
    object.__setattr__(predictor, "size", (48, 48))
    object.__setattr__(predictor, "model", Shown())
    (from_file,), (from_array,) = (list(predictor.strips(image)) for image in (photo, read_image(photo)))
    assert torch.equal(from_file, from_array)
