"""Folders as other tools write them, from their files to the cells of predict.py, without a decision of the user."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile

import predict
import train
import val
from datasets.check.__main__ import main as check_main
from datasets.prepare.__main__ import main as prepare_main
from system.errors import run_script

IMAGES = 10


def drawn(seed):
    """A grey image of 48×48 and its label map: discs of bright pixels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((48, 48), np.uint16)
    for number, (x, y) in enumerate([(10, 12), (30, 10), (14, 34), (35, 32)][: 2 + seed % 3], start=1):
        cv2.circle(labels, (x + int(rng.integers(-2, 3)), y + int(rng.integers(-2, 3))), 7, number, -1)
    image = (2000 * (labels > 0) + rng.integers(0, 900, labels.shape)).astype(np.uint16)
    return image, labels


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, array)
    else:
        assert cv2.imwrite(str(path), array)


# Layout → (file of image n, file of its label map), below the data folder.
LAYOUTS = {
    "StarDist": (lambda n: f"images/img{n}.tif", lambda n: f"masks/img{n}.tif"),
    "Cellpose's data": (lambda n: f"{n:03d}_img.png", lambda n: f"{n:03d}_masks.png"),
    "Cellpose's program": (lambda n: f"images/cells{n}.tif", lambda n: f"images/cells{n}_cp_masks.png"),
    "ImageJ": (lambda n: f"images/field {n}.tif", lambda n: f"labels/field {n}-label.tif"),
    "a plate": (lambda n: f"images/{'AB'[n % 2]}01/i{n // 2}.tif", lambda n: f"labels/{'AB'[n % 2]}01/i{n // 2}.tif"),
    "a plate of masks": (
        lambda n: f"images/{'AB'[n % 2]}01/i{n // 2}.tif",
        lambda n: f"masks/{'AB'[n % 2]}01/i{n // 2}_mask.tif",
    ),
}


@pytest.fixture(params=LAYOUTS)
def layout(request, tmp_path):
    """(data folder, files of its images) in one of the layouts."""
    image_file, label_file = LAYOUTS[request.param]
    root = tmp_path / "inputs" / "mine"
    for number in range(IMAGES):
        image, labels = drawn(number)
        write(root / image_file(number), image)
        write(root / label_file(number), labels)
    return root, [image_file(number) for number in range(IMAGES)]


CONFIG = """
task: {task}
data: {{root: {root}, crop: 32}}
model: {{name: UNet, filters: [4, 8]}}
loss: {{name: BCEDiceLoss}}
optimizer: {{name: AdamW, lr: 1e-2}}
scheduler: {{name: constant}}
train: {{epochs: 1, batch_size: 4, workers: 0}}
"""


def trained(run_main, tmp_path, root, task):
    """Checks and trains, and returns the run folder and what the training printed."""
    config = tmp_path / "mine.yaml"
    config.write_text(CONFIG.format(task=task, root=root))
    code, out, err = run_main(train, "--config", config)
    assert (code, err) == (0, "")
    return tmp_path / "outputs" / "mine", out


def scored(run_main, run, images):
    """Scores a run on all its images, and returns their ids, after looking for the mask of each."""
    code, _, err = run_main(val, "--run", run, "--split", "all")
    assert code == 0, err
    ids = list(pd.read_csv(run / "all" / "scores.csv", dtype=str)["id"])
    assert len(ids) == images
    assert all(len(list((run / "all" / "masks").glob(f"*/{one}.png"))) == 1 for one in ids)
    return ids


@pytest.mark.parametrize("task", ["binary", "distance"])
def test_from_files_to_cells(layout, task, tmp_path, run_main, capsys):
    root, images = layout
    assert run_script(lambda: check_main([str(root)]), debug=False) == 0
    told = capsys.readouterr().out
    assert f"  images      {IMAGES}\n" in told
    assert "0 errors, 0 warnings" in told
    run, out = trained(run_main, tmp_path, root, task)
    assert f"{IMAGES} images, read as grey, 48×48 pixels" in out
    ids = scored(run_main, run, IMAGES)
    in_folders = any("/" in one for one in ids)
    files = [root / "images"] if in_folders else [root / file for file in images]
    code, _, err = run_main(predict, "--run", run, "--input", *files, "--out", tmp_path / "out")
    assert code == 0, err
    written = {path.relative_to(tmp_path / "out" / "labels") for path in (tmp_path / "out" / "labels").rglob("*.tif")}
    assert {path.with_suffix("").as_posix() for path in written} == set(ids)


def coco(root):
    """Writes the images of a set in COCO's format, with the boxes of their cells as polygons."""
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cell"}]}
    for number in range(IMAGES):
        image, labels = drawn(number)
        write(root / "photos" / f"{number:02d}.tif", image)
        content["images"].append({"id": number, "file_name": f"{number:02d}.tif", "height": 48, "width": 48})
        for cell in range(1, labels.max() + 1):
            left, top, width, height = cv2.boundingRect((labels == cell).astype(np.uint8))
            box = [left, top, left + width, top, left + width, top + height, left, top + height]
            named = {"id": len(content["annotations"]) + 1, "image_id": number, "category_id": 1, "iscrowd": 0}
            content["annotations"].append(named | {"segmentation": [box]})
    (root / "cells.json").write_text(json.dumps(content))


def test_from_coco_to_cells(tmp_path, run_main):
    coco(tmp_path / "source")
    root = tmp_path / "inputs" / "mine"
    source = ["--source", str(tmp_path / "source" / "cells.json"), "--images", str(tmp_path / "source" / "photos")]
    assert run_script(lambda: prepare_main(["coco", *source, "--out", str(root), "--workers", "1"]), debug=False) == 0
    assert run_script(lambda: check_main([str(root)]), debug=False) == 0
    run, _ = trained(run_main, tmp_path, root, "distance")
    scored(run_main, run, IMAGES)
    code, _, err = run_main(predict, "--run", run, "--input", tmp_path / "source" / "photos", "--out", tmp_path / "out")
    assert code == 0, err
    assert len(list((tmp_path / "out" / "labels").iterdir())) == IMAGES
