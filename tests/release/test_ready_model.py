"""Every door takes a ready model: predict.py, val.py, train.py, Python and torch.hub."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from conftest import write_set
from support.ready_models import drawn, write_run

import predict
import release
import train
import val
from assemble import opening
from engine.runs.checkpoint_file import load_checkpoint
from saved_run import load_run
from system.errors import CheckpointError

ROOT = Path(__file__).resolve().parents[2]


def write_images(folder):
    """The same drawing as grey and RGB, with 8 and 16 bits; returns the ids."""
    folder.mkdir(parents=True)
    grey = drawn()[..., 0]
    kinds = {
        "grey8": grey,
        "grey16": grey.astype(np.uint16) * 257,
        "rgb8": np.repeat(grey[..., None], 3, axis=-1),
        "rgb16": np.repeat(grey[..., None], 3, axis=-1).astype(np.uint16) * 257,
    }
    for name, array in kinds.items():
        tifffile.imwrite(folder / f"{name}.tif", array, photometric="rgb" if array.ndim == 3 else "minisblack")
    return list(kinds)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [3, 1])
def test_grey_and_rgb_of_8_and_16_bits_are_the_same_picture(nuclei, run_main, tmp_path, channels):
    """The pixels hold the same values up to a factor; with `intensity: image` all of them give the same cells."""
    write_run(nuclei, channels=channels)
    assert run_main(release, "--run", nuclei, "--out", tmp_path / "m", "--licence", "MIT")[0] == 0
    names = write_images(tmp_path / "images")
    code, out, err = run_main(
        predict, "--run", tmp_path / "m", "--input", tmp_path / "images", "--out", tmp_path / "out"
    )
    assert code == 0, err
    assert f"{tmp_path / 'm'}, weights.pth of epoch 2" in out
    kind = (
        "2 of 4 images are grey and are read as RGB" if channels == 3 else "2 of 4 images are RGB and are read as grey"
    )
    assert kind in out
    masks = [cv2.imread(str(tmp_path / "out" / "masks" / "nucleus" / f"{name}.png"), 0) for name in names]
    labels = [tifffile.imread(tmp_path / "out" / "labels" / f"{name}.tif") for name in names]
    assert all(np.array_equal(masks[0], mask) for mask in masks)
    assert all(np.array_equal(labels[0], one) for one in labels)
    rows = (tmp_path / "out" / "images.csv").read_text().splitlines()
    assert len(rows) == 5
    assert masks[0].any()


def test_resume_is_refused(ready, run_main, small_config, tmp_path):
    ready.rename(tmp_path / "outputs" / "small")
    code, _, err = run_main(train, "--config", small_config, "--resume")
    assert code == 2
    assert "holds a ready model" in err
    assert "model.weights=" in err
    code, _, err = run_main(train, "--config", tmp_path / "outputs" / "small", "--resume")
    assert (code, "a folder is no configuration" in err) == (2, True)
    weights = tmp_path / "outputs" / "small" / "weights.pth"
    (tmp_path / "outputs" / "two").mkdir()
    weights.rename(tmp_path / "outputs" / "two" / "last.pth")
    code, _, err = run_main(train, "--config", small_config, "name=two", "--resume")
    assert (code, "the weights of a ready model, which have no state of a training" in err) == (3, True)


def write_labels(root):
    """Images and their label maps, for a task with cells."""
    write_set(root, images=4)
    for path in sorted((root / "masks" / "nucleus").iterdir()):
        (root / "labels").mkdir(exist_ok=True)
        cv2.imwrite(str(root / "labels" / path.name), cv2.imread(str(path), 0) // 255)
        path.unlink()
    (root / "masks" / "nucleus").rmdir()
    (root / "masks").rmdir()
    return root


@pytest.mark.slow
def test_val_scores_it_on_data_of_ones_own(ready, run_main, tmp_path):
    code, _, err = run_main(val, "--run", ready)
    assert code == 2
    assert f"python val.py --run {ready} --data inputs/my_images" in err
    assert run_main(val, "--run", ready, "--tune")[0] == 2
    code, _, err = run_main(val, "--run", ready, "--data", "x", "--split", "all")
    assert (code, "--data scores all images" in err) == (2, True)

    mine = write_labels(tmp_path / "inputs" / "mine")
    before = sorted(path.name for path in ready.iterdir())
    code, out, err = run_main(val, "--run", ready, "--data", mine, "--no-report")
    assert code == 0, err
    assert "all 4 images, whose class cell stands for nucleus" in out
    results = tmp_path / "outputs" / "nuclei_on_mine" / "all"
    found = json.loads((results / "summary.json").read_text())
    assert (found["images"], found["data"]["folder"], found["part"]) == (4, str(mine), "all")
    assert (found["true_objects"], found["tuned_on_these_images"]) == (4, False)
    assert found["command"] == f"python val.py --run {ready} --data {mine} --threshold 0.5"
    counted = np.zeros(3, int)
    for path in (results / "masks" / "cell").iterdir():
        predicted, truth = cv2.imread(str(path), 0) > 0, cv2.imread(str(mine / "labels" / path.name), 0) > 0
        counted += [(predicted & truth).sum(), (predicted & ~truth).sum(), (~predicted & truth).sum()]
    assert found["iou"] == counted[0] / counted.sum()
    assert sorted(path.name for path in ready.iterdir()) == before  # nothing is written into the model

    code, out, _ = run_main(val, "--run", ready, "--data", mine, "--no-report")
    assert (code, (results.parent / "all.1").is_dir()) == (0, True)
    (results.parent / "config.yaml").write_text("name: another\n")  # of another network with the same folder name
    code, out, _ = run_main(val, "--run", ready, "--data", mine, "--no-report")
    assert (code, f"moved   the earlier results to {results.parent}.1\n" in out) == (0, True)
    assert (tmp_path / "outputs" / "nuclei_on_mine.1" / "config.yaml").read_text() == "name: another\n"
    assert sorted(path.name for path in results.parent.iterdir()) == ["all", "config.yaml"]
    torn = write_labels(tmp_path / "inputs" / "torn")
    (torn / "images" / "cell_00.png").write_bytes(b"\x89PNG")
    assert run_main(val, "--run", ready, "--data", torn, "--no-report")[0] == 3
    assert not (tmp_path / "outputs" / "nuclei_on_torn").exists()


@pytest.mark.slow
def test_own_training_starts_from_it(ready, run_main, tmp_path):
    mine = write_labels(tmp_path / "inputs" / "mine")
    words = (
        f"data.root={mine}",
        f"model.weights={ready}",
        "data.crop=32",
        "train.epochs=1",
        "optimizer={name: SGD, lr: 1e-30}",
    )
    code, out, err = run_main(train, *words, "scheduler={name: constant}")
    assert code == 0, err
    assert f"choose  model: UNet, filters: [4, 6], that of {ready}" in out
    assert f"weights {ready}\n        all are taken as they are" in out
    state = torch.load(tmp_path / "outputs" / "mine" / "best.pth", weights_only=True)
    given = load_checkpoint(ready / "weights.pth")
    assert torch.equal(state["model"]["conv0_1.conv1.weight"], given["model"]["conv0_1.conv1.weight"])
    assert state["normalisation"] != given["normalisation"]  # that of its own data
    code, out, err = run_main(train, *words, "scheduler={name: constant}", "--resume")
    assert (code, "resume  after epoch 1" in out) == (0, True), err

    grey = ("data.channels=1", "task=binary", "name=grey", "loss={name: BCEDiceLoss}")
    code, out, err = run_main(train, *words, *grey, "scheduler={name: constant}")
    assert code == 0, err
    assert "conv0_0.conv1.weight: images of 3 channels there, 1 here" in out
    assert "final.weight, final.bias: taken for foreground" in out
    state = torch.load(tmp_path / "outputs" / "grey" / "best.pth", weights_only=True)
    assert torch.equal(state["model"]["final.weight"], given["model"]["final.weight"][:1])


def test_it_is_found_from_every_folder(ready, nuclei, tmp_path, monkeypatch):
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    monkeypatch.setattr(opening, "ROOT", tmp_path)
    assert np.array_equal(load_run("pretrained/nuclei").maps(drawn()), load_run(ready).maps(drawn()))
    with pytest.raises(Exception, match="outputs/nuclei: no such run folder"):  # runs are where one is
        load_run("outputs/nuclei")
    with pytest.raises(CheckpointError, match=r"^pretrained/nucleus: no such .*; did you mean pretrained/nuclei\?"):
        load_run("pretrained/nucleus")


def test_a_run_that_is_not_there_names_those_that_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(opening, "ROOT", tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=r"^outputs/nope: no such run folder; no run is beside it"):
        load_run("outputs/nope")
    for name in ["my_images", "demo", *(f"other_{number:02d}" for number in range(10))]:
        (tmp_path / "outputs" / name).mkdir(parents=True)
        (tmp_path / "outputs" / name / "best.pth").touch()
    (tmp_path / "outputs" / "predicted").mkdir()  # no run
    with pytest.raises(CheckpointError) as error:
        load_run("outputs/my_image")
    expected = "outputs/my_image: no such run folder; did you mean outputs/my_images? there are outputs/demo, "
    assert str(error.value).startswith(f"{expected}outputs/my_images, outputs/other_00, ")
    assert str(error.value).endswith("outputs/other_07 and 2 more")
    with pytest.raises(CheckpointError, match="no such run folder; there are outputs/demo, "):
        load_run("outputs/qqqq")


@pytest.mark.slow
def test_torch_hub_opens_it(ready, tmp_path):
    code = (
        "import sys, torch\n"
        "predictor = torch.hub.load(sys.argv[1], 'load_run', 'pretrained/nuclei', source='local', device='cpu')\n"
        "print(predictor.classes)"
    )
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "('nucleus',)\n", "")
