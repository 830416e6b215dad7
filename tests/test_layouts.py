"""Folders as other tools write them, from their files to the cells of predict.py, without a decision of the user."""

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile

import predict
import train
import val
from datasets.check.__main__ import main as check_main
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
data: {{root: inputs/mine, crop: 32}}
model: {{name: UNet, filters: [4, 8]}}
loss: {{name: BCEDiceLoss}}
optimizer: {{name: AdamW, lr: 1e-2}}
scheduler: {{name: constant}}
train: {{epochs: 1, batch_size: 4, workers: 0}}
"""


@pytest.mark.parametrize("task", ["binary", "distance"])
def test_from_files_to_cells(layout, task, tmp_path, run_main, capsys):
    root, images = layout
    assert run_script(lambda: check_main([str(root)]), debug=False) == 0
    told = capsys.readouterr().out
    assert f"  images      {IMAGES}\n" in told
    assert "0 errors, 0 warnings" in told
    config = tmp_path / "mine.yaml"
    config.write_text(CONFIG.format(task=task))
    code, out, err = run_main(train, "--config", config)
    assert (code, err) == (0, "")
    assert f"{IMAGES} images, read as grey, 48×48 pixels" in out
    run = tmp_path / "outputs" / "mine"
    code, _, err = run_main(val, "--run", run, "--split", "all")
    assert code == 0, err
    scores = pd.read_csv(run / "all" / "scores.csv")
    assert len(scores) == IMAGES
    for sample_id in scores["id"]:
        masks = list((run / "all" / "masks").glob(f"*/{sample_id}.png"))
        assert [cv2.imread(str(mask), 0).shape for mask in masks] == [(48, 48)]
    new = [root / file for file in images if "A01" in file or "/" not in file or "01" not in file]
    code, _, err = run_main(predict, "--run", run, "--input", *new, "--out", tmp_path / "out")
    assert code == 0, err
    assert len(list((tmp_path / "out" / "labels").rglob("*.tif"))) == len(new)
