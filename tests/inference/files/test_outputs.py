"""The folder of predictions: its overlays, and what it says about earlier results."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from images.image_reader import ImageFile
from inference.cells.decoding import Objects
from inference.files.outputs import PredictionFolder
from inference.files.overlays import PREDICTION
from inference.prediction import Prediction
from system.errors import ConfigError
from tasks.binary import Binary
from tasks.multiclass import Multiclass

CELL = Binary(("cell",))


def overlay_of(folder, name):
    return cv2.imread(str(folder.path / "overlays" / f"{name}.png"))[..., ::-1]


@pytest.mark.parametrize(("width", "lines"), [(1499, 1), (1500, 2), (3000, 3)])
def test_lines_are_thicker_on_large_images(tmp_path, width, lines):
    """A line grows by turns to the left and to the right, and only its part inside of the cell is drawn."""
    folder = PredictionFolder(tmp_path, CELL, cells=True)
    labels = np.zeros((40, width), np.int32)
    labels[10:30, 100:130] = 1
    prediction = Prediction((labels > 0)[None], Objects(labels, np.array([0.9], np.float32)))
    folder.write("a", np.zeros((40, width, 1), np.uint8), prediction)
    drawn = overlay_of(folder, "a").any(axis=2)
    assert not drawn[labels == 0].any()
    assert drawn[20, 100:130].sum() == 1 + lines  # one pixel on each side, and then one more on one of them
    assert folder.is_done("a")


def test_the_outline_of_a_mask(tmp_path):
    folder = PredictionFolder(tmp_path, CELL, cells=False)
    mask = np.zeros((1, 20, 30), bool)
    mask[0, 5:15, 10:25] = True
    assert not folder.is_done("a")
    folder.write("a", np.zeros((10, 15, 3), np.uint8), Prediction(mask, None), step=2)
    rows, columns = np.nonzero((overlay_of(folder, "a") == PREDICTION).all(-1))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (3, 7, 5, 12)  # every second of 5 … 14, 10 … 24
    assert folder.is_done("a")
    assert folder.write_summary(["a"]) is None


def test_the_background_is_not_drawn(tmp_path):
    folder = PredictionFolder(tmp_path, Multiclass(("background", "a", "b")), cells=False)
    masks = np.zeros((3, 20, 30), bool)
    masks[1, 2:8, 2:8] = masks[2, 12:18, 12:18] = True
    masks[0] = ~masks.any(0)
    folder.write("a", np.zeros((20, 30, 1), np.uint8), Prediction(masks, None))
    picture = overlay_of(folder, "a")
    assert picture[2, 2].tolist() == [0xE6, 0x9F, 0]  # the first two colours of Okabe and Ito
    assert picture[12, 12].tolist() == [0x56, 0xB4, 0xE9]
    assert not picture[0].any()


def test_the_summary_has_the_cells_of_what_is_done(tmp_path):
    folder = PredictionFolder(tmp_path, CELL, cells=True)
    for name, count in (("a", 2), ("b", 1)):
        labels = np.zeros((8, 8), np.int32)
        labels[0, :count] = np.arange(1, count + 1)
        objects = Objects(labels, np.full(count, 0.5, np.float32))
        folder.write(name, np.zeros((8, 8, 1), np.uint8), Prediction((labels > 0)[None], objects))
    assert folder.write_summary(["a", "b", "c"]) == 3
    lines = (tmp_path / "images.csv").read_text().splitlines()
    assert lines[0].startswith("image,cells,median_area,mean_confidence,foreground_share,height,width")
    assert [line.rstrip(",") for line in lines[1:]] == ["a,2,1,0.5000,0.031250,8,8", "b,1,1,0.5000,0.015625,8,8"]


def test_earlier_results_must_have_the_same_origin(tmp_path):
    folder = PredictionFolder(tmp_path / "out", CELL, cells=False)
    folder.require_same(run="x", decode={"method": "distance", "min_area": 10}, threshold=0.6)
    folder.require_same(run="x", decode={"method": "distance", "min_area": 10}, threshold=0.5)  # nothing is there yet
    folder.write("a", np.zeros((8, 8, 1), np.uint8), Prediction(np.zeros((1, 8, 8), bool), None))
    folder.require_same(run="x", decode={"method": "distance", "min_area": 10}, threshold=0.5)
    with pytest.raises(ConfigError) as refused:
        folder.require_same(run="x", decode={"method": "distance", "min_area": 40}, threshold=0.5, plane="each")
    assert str(refused.value).splitlines() == [
        f"{tmp_path / 'out'} holds results that were made differently; choose another --out",
        "  decode.min_area: 10 there, 40 now",
        "  plane: none there, each now",
    ]


def test_a_long_command_is_noted_in_short(tmp_path):
    folder = PredictionFolder(tmp_path / "out", CELL, cells=False)
    folder.write("a", np.zeros((8, 8, 1), np.uint8), Prediction(np.zeros((1, 8, 8), bool), None))
    folder.require_same(run="x")
    folder.note(exports=[], command="python predict.py --input " + "image.png " * 50_000)
    folder.require_same(run="x")  # it can be read
    noted = yaml.safe_load((tmp_path / "out" / "prediction.yaml").read_text())
    assert noted["command"].endswith(" … and 490026 more characters")


def test_an_id_belongs_to_one_file(tmp_path):
    folder = PredictionFolder(tmp_path / "out", CELL, cells=False)
    one, other = (ImageFile(name, Path(tmp_path / f"{name}.png")) for name in ("one", "other"))
    folder.claim([one])
    folder.claim([one, other])
    lines = (tmp_path / "out" / "sources.csv").read_text().splitlines()
    assert lines == [f"one,{one.path.resolve()}", f"other,{other.path.resolve()}"]
    with pytest.raises(ConfigError, match=r"holds masks of .*one\.png, not of .*other\.png \(1 name of two files\)"):
        folder.claim([ImageFile("one", other.path)])
    with pytest.raises(ConfigError, match=r"2 names of two files"):
        folder.claim([ImageFile("one", other.path), ImageFile("other", one.path)])
    with pytest.raises(ConfigError, match=r"one\.png as one, which would now be A/one \(1 image\)"):
        folder.claim([ImageFile("A/one", one.path)])
