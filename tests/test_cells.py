"""From label maps to cells: trainings of both instance tasks, their scores, their tuning and their predictions."""

import csv
import json

import cv2
import numpy as np
import pytest
import tifffile
import torch
import yaml

import predict
import train
import val
from datasets.prepare.synthetic import write_synthetic
from metrics import match_labels
from saved_run import load_run

INSTANCE = [
    "train.epochs=6",
    "model.filters=[8, 16, 16]",
    "optimizer.lr=2e-2",
]


def rows_of(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """A data folder of drawn nuclei, half of which touch each other."""
    root = tmp_path_factory.mktemp("data") / "nuclei"
    write_synthetic(root, images=10, size=64)
    return root


@pytest.fixture
def trained(run_main, small_config, cells, tmp_path):
    """Trains a task and returns the folder of its run."""

    def training_of(task, *changes, geometry="size: 64"):
        data = f"data={{root: {cells}, {geometry}}}"
        code, _, err = run_main(train, "--config", small_config, f"task={task}", data, *INSTANCE, *changes)
        assert code == 0, err
        return tmp_path / "outputs" / "small"

    return training_of


@pytest.mark.parametrize(
    ("task", "network", "geometry", "more"),
    [
        ("distance", "UNet", "size: 64", []),
        ("distance", "NestedUNet", "crop: 32, overlap: 8", ["model.deep_supervision=true"]),
        ("border", "NestedUNet", "size: 64", ["model.deep_supervision=true", "loss={name: LovaszHingeLoss}"]),
        ("border", "UNet", "crop: 32, on_device: true", []),
        ("distance", "UNet", "size: 64, on_device: true", ["train.accumulate=2"]),
    ],
)
def test_each_task_network_and_geometry_trains_scores_and_predicts(
    trained, run_main, cells, tmp_path, task, network, geometry, more
):
    run = trained(task, f"model.name={network}", "train.epochs=2", *more, geometry=geometry)
    rows = rows_of(run / "log.csv")
    assert list(rows[0])[-4:] == ["foreground", task, "val_foreground", f"val_{task}"]
    assert all(0 <= float(row["val_ap_50"]) <= 1 for row in rows)
    best = max(rows, key=lambda row: float(row["val_ap_50"]))
    state = torch.load(run / "best.pth", weights_only=True)
    assert state["epoch"] == int(best["epoch"])
    code, out, err = run_main(val, "--run", run)
    assert code == 0, err
    assert f"decode  by {task}" in out
    code, _, err = run_main(predict, "--run", run, "--input", cells / "images", "--out", tmp_path / "out")
    assert code == 0, err
    if "model.deep_supervision=true" in more:
        shallow = load_run(run, depth=1)
        assert shallow.maps(np.zeros((40, 40), np.uint8)).shape == (2, 40, 40)
    for row in rows_of(run / "val" / "scores.csv"):
        name = f"labels/{row['id']}.tif"
        assert (run / "val" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_cells_are_found_counted_and_scored(trained, run_main, cells):
    run = trained("distance", "train.epochs=40")
    code, out, err = run_main(val, "--run", run, "--split", "all")
    assert code == 0, err
    summary = json.loads((run / "all" / "summary.json").read_text())
    names = {"iou", "dice", "ap_50", "ap_70", "ap_90", "f1_50", "pq", "aji", "count_error"}
    assert names <= summary.keys()
    assert summary["ap_50"] > 0.3  # the control of the whole chain: noise would find nothing
    hits = missed = false = 0
    for path in (run / "all" / "labels").iterdir():
        truth = cv2.imread(str(cells / "labels" / f"{path.stem}.png"), cv2.IMREAD_UNCHANGED)
        at_50 = match_labels(truth, tifffile.imread(path)).at(0.5)
        hits, false, missed = (total + one for total, one in zip((hits, false, missed), at_50, strict=True))
    assert summary["ap_50"] == pytest.approx(hits / (hits + false + missed))
    counts = {row["image"]: int(row["cells"]) for row in rows_of(run / "all" / "images.csv")}
    assert counts == {path.stem: tifffile.imread(path).max() for path in (run / "all" / "labels").iterdir()}
    scores = rows_of(run / "all" / "scores.csv")
    assert {row["id"]: int(row["predicted_objects"]) for row in scores} == counts
    assert sum(int(row["true_objects"]) for row in rows_of(run / "all" / "sizes.csv")) == summary["true_objects"]
    assert f"{summary['predicted_objects']} predicted, {summary['true_objects']} true, " in out


def test_tuned_parameters_are_used_and_scores_say_so(trained, run_main, cells, tmp_path):
    run = trained("distance")
    before = (run / "best.pth").read_bytes()
    code, out, err = run_main(val, "--run", run, "--tune")
    assert code == 0, err
    assert "so these scores are too high" in out
    chosen = yaml.safe_load((run / "decode.yaml").read_text())
    assert (chosen["tuned_on"], chosen["method"]) == ("val", "distance")
    assert chosen["scores"]["mean_ap"] >= chosen["scores"]["mean_ap_before"]
    summary = json.loads((run / "val" / "summary.json").read_text())
    assert summary["tuned_on_these_images"] is True
    assert summary["decode"]["seed_threshold"] == chosen["seed_threshold"]
    assert summary["ap"] == pytest.approx(chosen["scores"]["mean_ap"], abs=0.01)  # tuned on maps of 16 bit
    assert "so these scores are too high" not in run_main(val, "--run", run, "--split", "train")[1]
    assert (run / "best.pth").read_bytes() == before

    arguments = ("--run", run, "--input", cells / "images", "--out", tmp_path / "out")
    code, out, _ = run_main(predict, *arguments)
    assert (code, "tuned on the part 'val'" in out) == (0, True)
    (run / "decode.yaml").write_text("foreground_threshold: 0.9")
    code, _, err = run_main(predict, *arguments)  # results of other parameters are not mixed
    assert (code, "choose another --out" in err) == (2, True)
    (run / "decode.yaml").write_text("foreground_threshold: 9")
    code, _, err = run_main(predict, *arguments)
    assert (code, "foreground_threshold: got 9; give a number between 0 and 1" in err) == (2, True)


def test_a_semantic_run_finds_cells_too(trained, run_main, cells):
    run = trained("binary")
    assert "val_ap_50" not in rows_of(run / "log.csv")[0]
    assert load_run(run).decoding.how.method == "watershed"
    assert run_main(val, "--run", run)[0] == 0
    watershed = json.loads((run / "val" / "summary.json").read_text())
    (run / "decode.yaml").write_text("method: components")
    assert run_main(val, "--run", run)[0] == 0
    components = json.loads((run / "val" / "summary.json").read_text())
    assert watershed["iou"] == components["iou"]
    assert watershed["predicted_objects"] > components["predicted_objects"]


def test_symmetries_and_ensembles_from_the_command_line(trained, run_main, cells, tmp_path):
    run = trained("distance", "train.epochs=2")
    other = tmp_path / "outputs" / "other"
    run.rename(other)
    run = trained("distance", "train.epochs=2", "seed=5", geometry="crop: 32")
    image = np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8)
    predictors = [load_run(run), load_run(run, tta=True), load_run(run, other), load_run(other)]
    maps = [predictor.maps(image) for predictor in predictors]
    assert not np.allclose(maps[0], maps[1], atol=1e-4)
    np.testing.assert_allclose(maps[2], (maps[0] + maps[3]) / 2, atol=1e-5)
    found = [predictor.cells(image).labels for predictor in predictors]
    assert all(labels.shape == (40, 50) for labels in found)
    code, out, err = run_main(
        predict, "--run", run, other, "--tta", "--input", cells / "images", "--out", tmp_path / "out"
    )
    assert code == 0, err
    assert out.count("best.pth of epoch") == 2
    note = yaml.safe_load((tmp_path / "out" / "prediction.yaml").read_text())
    assert (len(note["weights"]), note["tta"]) == (2, True)


def test_a_decode_every_few_epochs_leaves_cells_empty(trained):
    run = trained("distance", "train.epochs=4", "train.decode_every=2")
    rows = rows_of(run / "log.csv")
    assert [row["val_ap_50"] != "" for row in rows] == [True, False, True, True]
    state = torch.load(run / "best.pth", weights_only=True)
    assert state["epoch"] in (1, 3, 4)


def test_a_stopped_run_of_an_instance_task_goes_on_to_the_bit(trained, tmp_path):
    whole = trained("distance", "train.epochs=3", "scheduler={name: constant}")
    whole.rename(tmp_path / "whole")
    trained("distance", "train.epochs=2", "scheduler={name: constant}")
    run = trained("distance", "train.epochs=3", "scheduler={name: constant}", "--resume")
    assert (run / "log.csv").read_bytes() == (tmp_path / "whole" / "log.csv").read_bytes()
    weights = [torch.load(path / "last.pth", weights_only=True)["model"] for path in (run, tmp_path / "whole")]
    torch.testing.assert_close(*weights, rtol=0, atol=0)


def test_tuning_without_label_maps_or_cells_is_refused(run_main, small_config, tmp_path):
    assert run_main(train, "--config", small_config)[0] == 0
    run = tmp_path / "outputs" / "small"
    code, _, err = run_main(val, "--run", run, "--tune")
    assert (code, "--tune needs label maps, such as labels/cell_" in err) == (3, True), err
    code, out, err = run_main(val, "--run", run)  # cells are found, and there is nothing to score them with
    assert (code, "cells   AP" in out) == (0, False), err
    assert (run / "val" / "labels").is_dir()


def test_a_run_with_the_old_border_target_is_refused_with_the_way_out(run_main, small_config, tmp_path):
    assert run_main(train, "--config", small_config)[0] == 0
    path = tmp_path / "outputs" / "small" / "best.pth"
    from engine.runs.checkpoint_file import load_checkpoint, save_checkpoint

    state = load_checkpoint(path)
    state.pop("format", None)
    state["config"]["data"] |= {"target": "masks", "border_radius": 1.5}  # as runs were before
    save_checkpoint(path, state)
    assert run_main(val, "--run", path.parent)[0] == 0
    state["config"]["data"]["target"] = "border"
    save_checkpoint(path, state)
    code, _, err = run_main(val, "--run", path.parent)
    assert (code, "target: border is gone" in err) == (3, True), err


def test_ids_above_65535_train_the_same_network(run_main, small_config, cells, tmp_path):
    logs = []
    for name, offset in (("small_ids", 0), ("large_ids", 70_000)):
        root = tmp_path / name
        for path in sorted((cells / "images").iterdir()):
            (root / "images").mkdir(parents=True, exist_ok=True)
            (root / "labels").mkdir(exist_ok=True)
            (root / "images" / path.name).write_bytes(path.read_bytes())
            labels = cv2.imread(str(cells / "labels" / path.name), cv2.IMREAD_UNCHANGED).astype(np.uint32)
            tifffile.imwrite(root / "labels" / f"{path.stem}.tif", np.where(labels, labels + np.uint32(offset), 0))
        words = ["task=distance", f"data={{root: {root}, size: 64}}", f"name={name}"]
        code, out, err = run_main(train, "--config", small_config, *words)
        assert code == 0, err
        assert "foreground: cell" in out  # no folder of masks names the class
        logs.append((tmp_path / "outputs" / name / "log.csv").read_bytes())
    assert logs[0] == logs[1]


def test_a_label_map_of_another_size_beside_masks_is_refused_by_name(run_main, small_config, small_set, tmp_path):
    (small_set / "labels").mkdir()
    for path in (small_set / "images").iterdir():
        cv2.imwrite(str(small_set / "labels" / path.name), np.zeros((32, 31), np.uint8))
    assert run_main(train, "--config", small_config)[0] == 0  # a training on masks does not read them
    code, _, err = run_main(val, "--run", tmp_path / "outputs" / "small")
    assert (code, "32×31 pixels, but its image has 32×32" in err) == (3, True), err
