"""Files of other tools in the folder of a prediction: which are missing, and who can have them."""

import numpy as np
import pytest

from images.image_reader import ImageFile
from inference.cells.decoding import Objects
from inference.files.outputs import PredictionFolder
from inference.files.prediction_exports import PredictionExports
from inference.prediction import Prediction
from system.errors import ConfigError
from tasks import TASKS, TaskEntry
from tasks.binary import Binary

CELL = Binary(("cell",))


@pytest.fixture
def folder(tmp_path):
    """The results of image a; b has none yet."""
    folder = PredictionFolder(tmp_path, CELL, cells=True)
    labels = np.zeros((8, 8), np.int32)
    labels[2:6, 2:6] = 1
    objects = Objects(labels, np.full(1, 0.5, np.float32))
    folder.write("a", np.zeros((8, 8, 1), np.uint8), Prediction((labels > 0)[None], objects))
    return folder


def images(tmp_path):
    return [ImageFile(name, tmp_path / f"{name}.png") for name in ("a", "b")]


def test_an_image_is_done_when_its_results_and_its_exports_are_there(folder, tmp_path):
    exports = PredictionExports(folder, ["geojson"], class_name="cell")
    assert [exports.is_done(name) for name in ("a", "b")] == [False, False]
    (missing,) = exports.missing(images(tmp_path))
    assert missing.name == "a"
    advanced = []
    assert exports.write([missing], threads=1, advance=lambda: advanced.append(1)) == {}
    assert len(advanced) == 1
    assert [exports.is_done(name) for name in ("a", "b")] == [True, False]
    assert exports.missing(images(tmp_path)) == []
    assert exports.write_whole(images(tmp_path)) == []


def test_only_cells_can_be_exported(tmp_path, monkeypatch):
    monkeypatch.setitem(TASKS, "new", TaskEntry("mask", "", ("watershed",)))
    without = PredictionFolder(tmp_path / "masks", CELL, cells=False)
    with pytest.raises(ConfigError, match=r"^--export geojson: .* has no cells.* binary, distance, border, new$"):
        PredictionExports(without, ["geojson"], class_name="cell")
    nothing = PredictionExports(without, [], class_name="cell")
    assert nothing.missing(images(tmp_path)) == []
