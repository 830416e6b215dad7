"""Statistics of samples, from files that are decoded once, from memory and from stored samples."""

import math

import cv2
import numpy as np
import pytest
import tifffile
from support import planted_changes as planted

from datasets.folder.data_folder import list_folder
from datasets.sample_memory import SampleMemory
from datasets.sample_statistics import sample_statistics, with_micrometres
from datasets.sample_store import SampleStore
from datasets.samples import Samples
from datasets.split import SplitRule
from datasets.survey import load_training_data
from images.image_reader import ImageReader
from tasks.binary import Binary
from tasks.distance import Distance
from tasks.truth import LabelMaps, MaskFiles


@pytest.fixture
def cells(tmp_path):
    """A data folder of drawn cells with label maps, as 8-bit RGB TIFF files of which each pixel has 0.5 µm."""
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for number in range(8):
        image, labels = planted.drawn_cells(number, size=64)
        resolution = {"resolution": (20000, 20000), "resolutionunit": "CENTIMETER"}
        tifffile.imwrite(
            tmp_path / "images" / f"{number}.tif", image.repeat(3, axis=2), photometric="rgb", **resolution
        )
        cv2.imwrite(str(tmp_path / "labels" / f"{number}.png"), labels.astype(np.uint16))
    return tmp_path


def load(root, **options):
    given = {"size": None, "normalise": "dataset", "rule": SplitRule(val_fraction=0.25, seed=1)} | options
    return load_training_data(root, Distance, **given)


def test_the_survey_measures_the_training_images_as_the_network_sees_them(cells):
    data = load(cells)
    columns = data.found.statistics.columns
    assert len(columns["contrast-0"]) == len(data.train) == 6
    assert set(columns["channels"]) == {1}  # RGB without colours
    np.testing.assert_allclose(columns["pixel_size_um"], 0.5, rtol=1e-6)
    for row, sample in enumerate(data.train.samples):
        image, labels = planted.drawn_cells(int(sample.id), size=64)
        areas = np.unique(labels[labels > 0], return_counts=True)[1]
        diameter = math.sqrt(4 * np.median(areas) / math.pi)
        assert columns["object_diameter"][row] == pytest.approx(diameter)
        assert columns["object_diameter_um"][row] == pytest.approx(diameter / 2)
        assert columns["objects"][row] == len(areas)
        contrast = image[labels > 0].mean() - image[labels == 0].mean()
        assert columns["cell_contrast"][row] == pytest.approx(contrast, rel=1e-4)
        assert columns["contrast-0"][row] == pytest.approx(image.std(), rel=1e-4)
    small = load(cells, size=(32, 32)).found.statistics.columns
    np.testing.assert_allclose(small["pixel_size_um"], 1.0, rtol=1e-6)
    assert np.median(small["object_diameter"] / columns["object_diameter"]) == pytest.approx(0.5, rel=0.1)


def test_stored_samples_keep_their_statistics_and_are_not_decoded_again(cells, tmp_path, monkeypatch):
    folder = list_folder(cells, Distance)
    reader = ImageReader(1)

    def measured():
        store = SampleStore(tmp_path / "kept", reader, folder.task, size=None)
        samples = Samples(
            folder.samples, reader, folder.task, size=None, memory=SampleMemory(0), store=store, measured=range(8)
        )
        assert all(samples[index][0].shape == (64, 64, 1) for index in range(8))
        return samples.take_statistics()

    first = measured()
    monkeypatch.setattr(Samples, "_decoded", None)
    np.testing.assert_equal(measured(), first)


def test_a_sample_is_measured_once(cells, monkeypatch):
    folder, calls = list_folder(cells, Distance), []
    monkeypatch.setattr("datasets.samples.sample_statistics", lambda *_: calls.append(1) or {"object_diameter": 1.0})
    samples = Samples(folder.samples, ImageReader(1), folder.task, size=None, measured=[0, 3])
    for index in range(8):
        assert samples[index] is not None
    assert len(calls) == 2
    assert len(samples.take_statistics()) == 2
    assert samples[0] is not None  # decoded again, because no memory keeps it
    assert len(calls) == 2


def test_objects_of_masks_are_connected_pixels_and_void_is_none():
    masks = np.zeros((16, 16, 2), np.uint8)
    masks[2:4, 2:4, 0] = masks[8:12, 8:12, 0] = masks[0:6, 10:16, 1] = 1
    image = np.full((16, 16, 1), 9, np.uint8)
    found = sample_statistics(image, image, masks, MaskFiles("masks", ("a", "b")))
    assert found["objects"] == 3
    assert found["object_diameter"] == pytest.approx(math.sqrt(4 * 16 / math.pi))
    touching = np.ones((16, 16, 1), np.int32)
    touching[8:] = 2
    assert sample_statistics(image, image, touching, LabelMaps("labels", ("a",)))["objects"] == 2


def test_a_file_without_a_pixel_size(small_set):
    sample = list_folder(small_set, Binary).samples[0]
    found = with_micrometres({"object_diameter": 4.0}, sample.image, file_size=(32, 32), size=(32, 32))
    assert math.isnan(found["pixel_size_um"])
    assert math.isnan(found["object_diameter_um"])
