"""The three tasks from configuration to files: columns, scores, masks per class, pictures in indexed colour."""

import csv

import cv2
import numpy as np
import pytest
import torch
import yaml
from conftest import write_set
from PIL import Image

import predict
import train
import val
from datasets.balance import balanced_weights
from datasets.prepare.synthetic import write_synthetic
from images.reading import read_image
from metrics import SegmentationCounts
from saved_run import load_run

MAIN = ["epoch", "lr", "loss", "iou", "dice", "iou_per_image", "dice_per_image", "val_loss", "val_iou", "val_dice"]
LOSS = {"binary": "BCEDiceLoss", "multilabel": "BCEDiceLoss", "multiclass": "CrossEntropyLoss"}


def rows_of(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def write_class_maps(root, images=8):
    """Bright discs with a dark core on noise, as class maps of the values 0, 100 and 200, the first row void."""
    for index in range(images):
        rng = np.random.default_rng(index)
        pixels = np.zeros((32, 32), np.uint8)
        centre = tuple(int(v) for v in rng.integers(9, 23, 2))
        cv2.circle(pixels, centre, 8, 100, -1)
        cv2.circle(pixels, centre, 4, 200, -1)
        image = np.choose(pixels // 100, [60, 200, 120])[..., None] + rng.integers(-20, 20, (32, 32, 3))
        pixels[0] = 9
        for name, array in (("images", image.astype(np.uint8)), ("masks", pixels)):
            (root / name).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(root / name / f"cell_{index:02d}.png"), array)
    (root / "dataset.yaml").write_text("classes: [background, rim, core]\npalette: [0, 100, 200]\nvoid: 9\n")
    return root


@pytest.fixture(params=["size", "crop with deep supervision"])
def trained(request, run_main, small_config, tmp_path):
    """Trains a task in one of two geometries: returns (run folder, data folder)."""

    def train_task(task):
        root = tmp_path / "inputs" / task
        if task == "binary":
            write_set(root)
        elif task == "multilabel":
            write_synthetic(root, images=8, size=32, classes=2)
        else:
            write_class_maps(root)
        changes = [f"task={task}", f"data.root={root}", f"loss={{name: {LOSS[task]}}}", "train.epochs=2"]
        if request.param != "size":
            changes += [f"data={{root: {root}, crop: 16, overlap: 4, val_overlap: 4}}", "model.name=NestedUNet"]
            changes += ["model.deep_supervision=true"]
        code, _, err = run_main(train, "--config", small_config, *changes)
        assert code == 0, err
        return tmp_path / "outputs" / "small", root

    return train_task


CLASSES = {"binary": ["nucleus"], "multilabel": ["red", "green"], "multiclass": ["background", "rim", "core"]}


@pytest.mark.slow
@pytest.mark.parametrize("task", CLASSES)
def test_a_task_from_training_to_masks(trained, run_main, tmp_path, task):
    run, root = trained(task)
    names, drawn = CLASSES[task], CLASSES[task][task == "multiclass" :]
    columns = list(rows_of(run / "log.csv")[0])
    assert columns[: len(MAIN)] == MAIN
    per_class = [f"val_{score}_{name}" for score in ("iou", "dice", "precision", "recall") for name in names]
    after = ["val_iou_per_image", "val_dice_per_image", "val_precision", "val_recall"]
    assert columns[len(MAIN) :] == after + (per_class if len(names) > 1 else [])
    best = torch.load(run / "best.pth", weights_only=True)
    assert best["classes"] == names
    means = [best["scores"][f"val_iou_{name}"] for name in drawn] if len(names) > 1 else [best["scores"]["val_iou"]]
    assert np.mean(means) == pytest.approx(best["scores"]["val_iou"])

    code, out, err = run_main(val, "--run", run)
    assert code == 0, err
    assert f"at network size: IoU {best['scores']['val_iou']:.4f}" in out
    files = {path.relative_to(run / "val").parts[:-1] for path in (run / "val").rglob("*.png")}
    pictures = {("classes",)} if len(drawn) > 1 else set()
    assert files == {("masks", name) for name in drawn} | pictures | {("overlays",)}
    assert (run / "val" / "confusion.csv").exists() == (task == "multiclass")
    rows = rows_of(run / "val" / "scores.csv")
    assert len(rows) == len(list((run / "val" / "masks" / drawn[0]).iterdir())) == 2
    assert (f"iou_{names[-1]}_image_size" in rows[0]) == (len(names) > 1)

    identity = rows[0]["id"]
    out = tmp_path / "out"
    assert run_main(predict, "--run", run, "--input", root / "images" / f"{identity}.png", "--out", out)[0] == 0
    predictor = load_run(run)
    image = read_image(root / "images" / f"{identity}.png")
    masks = predictor(image)
    assert list(masks) == names
    for name in drawn:
        written = (out / "masks" / name / f"{identity}.png").read_bytes()
        assert written == (run / "val" / "masks" / name / f"{identity}.png").read_bytes()
        decoded = cv2.imdecode(np.frombuffer(written, np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(decoded > 0, masks[name])
    assert cv2.imread(str(out / "overlays" / f"{identity}.png")).shape == (32, 32, 3)
    if task == "multiclass":
        assert (np.sum(list(masks.values()), axis=0) == 1).all()
    if len(drawn) > 1:
        with Image.open(out / "classes" / f"{identity}.png") as picture:
            indices, colours = np.array(picture), np.array(picture.convert("RGB"))
            assert picture.mode == "P"
        expected = np.zeros((32, 32), int)
        for number, name in enumerate(drawn, start=1):
            expected[masks[name]] = number
        assert np.array_equal(indices, expected)
        assert len(np.unique(colours.reshape(-1, 3), axis=0)) == len(np.unique(expected))
        assert not colours[expected == 0].any()


@pytest.mark.slow
def test_a_rerun_writes_a_missing_picture_and_nothing_else(trained, run_main, tmp_path):
    run, root = trained("multiclass")
    arguments = ("--run", run, "--input", root / "images", "--out", tmp_path / "out")
    assert run_main(predict, *arguments)[0] == 0
    (tmp_path / "out" / "classes" / "cell_03.png").unlink()
    assert "8, of which 7 are done already" in run_main(predict, *arguments)[1]
    assert (tmp_path / "out" / "classes" / "cell_03.png").exists()
    assert yaml.safe_load((tmp_path / "out" / "prediction.yaml").read_text())["threshold"] is None


def test_a_threshold_of_a_multiclass_run_is_refused(run_main, small_config, tmp_path):
    root = write_class_maps(tmp_path / "inputs" / "maps")
    changes = [f"data.root={root}", "task=multiclass", "loss={name: CrossEntropyLoss}"]
    assert run_main(train, "--config", small_config, *changes)[0] == 0
    run = tmp_path / "outputs" / "small"
    commands = [(val, "--run", run), (predict, "--run", run, "--input", root / "images", "--out", tmp_path / "out")]
    for command in commands:
        code, _, err = run_main(*command, "--threshold", "0.5")
        assert code == 2
        assert "most probable class; leave the threshold out" in err
    assert not (tmp_path / "out").exists()
    assert not (run / "val").exists()


@pytest.mark.slow
def test_class_maps_are_learnt_and_the_scores_are_those_of_the_files(run_main, small_config, tmp_path):
    root = write_class_maps(tmp_path / "inputs" / "maps")
    changes = [f"data.root={root}", "task=multiclass", "train.epochs=20", "model.filters=[8, 8, 16]"]
    loss = "loss={name: CrossEntropyLoss, class_weights: balanced}"
    code, out, err = run_main(train, "--config", small_config, *changes, loss)
    assert code == 0, err
    assert "; classes: background " in out
    run = tmp_path / "outputs" / "small"
    best = torch.load(run / "best.pth", weights_only=True)["scores"]
    assert best["val_iou_rim"] > 0.5
    assert best["val_iou_core"] > 0.5
    assert run_main(val, "--run", run)[0] == 0
    counts, confusion = SegmentationCounts(("background", "rim", "core"), background=True), np.zeros((3, 3), int)
    for row in rows_of(run / "val" / "scores.csv"):
        truth = cv2.imread(str(root / "masks" / f"{row['id']}.png"), 0)
        indices = np.select([truth == 100, truth == 200, truth == 9], [1, 2, 255], 0)
        with Image.open(run / "val" / "classes" / f"{row['id']}.png") as picture:
            predicted = np.array(picture)
        counts.update(torch.from_numpy(predicted == np.arange(3)[:, None, None])[None], torch.from_numpy(indices)[None])
        hit = {k: ((predicted == k) & (indices == k)).sum() for k in (1, 2)}
        either = {k: (((predicted == k) | (indices == k)) & (indices != 255)).sum() for k in (1, 2)}
        assert float(row["iou_image_size"]) == pytest.approx(np.mean([hit[k] / either[k] for k in hit]), abs=1e-6)
        np.add.at(confusion, (indices[indices != 255], predicted[indices != 255]), 1)
    assert counts.compute().per_class["core"]["iou"] == pytest.approx(best["val_iou_core"], abs=1e-6)
    table = rows_of(run / "val" / "confusion.csv")
    assert [row["true"] for row in table] == ["background", "rim", "core"]
    assert [[int(row[name]) for name in counts.classes] for row in table] == confusion.tolist()


def test_void_needs_a_loss_that_can_leave_it_out(run_main, small_config, tmp_path):
    root = write_class_maps(tmp_path / "inputs" / "maps")
    (root / "dataset.yaml").write_text("classes: [background, cell]\npalette: [0, 100]\nvoid: 9\n")
    for path in (root / "masks").iterdir():
        pixels = cv2.imread(str(path), 0)
        cv2.imwrite(str(path), np.where(pixels == 200, 100, pixels).astype(np.uint8))
    code, _, err = run_main(train, "--config", small_config, f"data.root={root}")
    assert code == 2
    assert "the data has void pixels, which BCEDiceLoss cannot leave out" in err
    loss = "loss={name: LovaszHingeLoss}"
    assert run_main(train, "--config", small_config, f"data.root={root}", loss)[0] == 0
    assert run_main(val, "--run", tmp_path / "outputs" / "small")[0] == 0


@pytest.mark.parametrize("geometry", ["size: 32", "crop: 16"])
def test_borders_from_label_maps(run_main, small_config, tmp_path, geometry):
    root = write_synthetic_set(tmp_path / "inputs" / "cells")
    data = f"data={{root: {root}, {geometry}, border_radius: 2.0}}"
    code, out, err = run_main(train, "--config", small_config, data, "task=border")
    assert code == 0, err
    assert "; foreground: nucleus " in out
    run = tmp_path / "outputs" / "small"
    (row,) = rows_of(run / "log.csv")
    assert 0 <= float(row["val_ap_50"]) <= 1
    assert float(row["loss"]) == pytest.approx(float(row["foreground"]) + float(row["border"]), abs=2e-6)
    assert run_main(val, "--run", run)[0] == 0
    assert sorted(path.name for path in (run / "val" / "masks").iterdir()) == ["nucleus"]


def write_synthetic_set(root):
    write_synthetic(root, images=6, size=64)
    return root


def test_a_task_that_does_not_fit_the_data_or_the_target(run_main, small_config, small_set, tmp_path):
    root = write_class_maps(tmp_path / "inputs" / "maps")
    refused = [
        ([f"data.root={root}"], 3, "class maps of 3 classes (background, rim, core); set task: multiclass"),
        (["data.target=border", "task=multiclass"], 2, "target: border is gone, and with it its three softmax classes"),
        (["task=border"], 3, "no label map"),
        (["task=multiclass", "loss={name: CrossEntropyLoss}", "decode.min_area=5"], 2, "task multiclass has no cells"),
        (["decode.method=distance"], 2, "'distance' (text); allowed: watershed, components"),
        (["decode.seed_threshold=1.0"], 2, "decode.seed_threshold (command line): got 1.0"),
        (["train.best=val_ap_50"], 2, "needs the scores of cells, which task distance and border have"),
        (["loss={name: CrossEntropyLoss, class_weights: balanced}"], 2, "task: binary has one; leave it out"),
        (["task=multilabel", "loss.class_weights=balanced"], 2, "losses that take it: BCEWithLogitsLoss, "),
        (["loss.class_weights=yes"], 2, "allowed: balanced, balanced_val"),
    ]
    for changes, expected, told in refused:
        code, _, err = run_main(train, "--config", small_config, *changes)
        assert (code, told in err) == (expected, True), err
    (root / "dataset.yaml").write_text("classes: [background, rim]\npalette: [0, 100]\nvoid: 9\n")
    loss = "loss={name: CrossEntropyLoss}"
    code, _, err = run_main(train, "--config", small_config, f"data.root={root}", "task=multiclass", loss)
    assert code == 3
    assert "8 problems" in err
    assert "values that the palette does not have: 200 in " in err
    assert err.count("cell_00.png") == 1


def test_balanced_weights_are_scikit_learns():
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.repeat([0, 1, 2], [70, 25, 5])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    weights = balanced_weights(np.bincount(labels), "abc")
    assert weights == pytest.approx(expected)
    assert np.mean(np.asarray(weights)[labels]) == pytest.approx(1)


def test_classes_that_have_changed_since_the_training_are_refused(run_main, small_config, tmp_path):
    root = write_set(tmp_path / "two", classes=("cell", "nucleus"))
    words = ["task=multilabel", f"data.root={root}", "name=two"]
    assert run_main(train, "--config", small_config, *words)[0] == 0
    assert run_main(val, "--run", tmp_path / "outputs/two")[0] == 0  # the control
    (root / "dataset.yaml").write_text("classes: [nucleus, cell]\n")
    code, _, err = run_main(val, "--run", tmp_path / "outputs/two")
    assert code == 3
    assert "classes nucleus, cell, but" in err
    assert "was trained with cell, nucleus" in err
