"""Training and validation, in this process: every combination, what lands on the disk, every refusal."""

import csv
import sys

import cv2
import numpy as np
import pytest
import torch
import yaml
from conftest import write_set

import predict
import train
import val
from engine.loops import evaluate
from engine.runs.checkpoint_file import load_checkpoint, save_checkpoint
from engine.schema.config_file import load_config
from losses import LOSSES

COMBINATIONS = [("UNet", False), ("NestedUNet", False), ("NestedUNet", True)]
BINARY_LOSSES = [name for name, entry in LOSSES.items() if "mask" in entry.fits]


def rows_of(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize(
    ("name", "deep_supervision", "loss"),
    [(*network, loss) for network in COMBINATIONS for loss in ("BCEDiceLoss", "LovaszHingeLoss")]
    + [("UNet", False, loss) for loss in BINARY_LOSSES],
)
def test_every_combination_trains_an_epoch(small_config, run_main, tmp_path, name, deep_supervision, loss):
    code, _, err = run_main(
        train,
        *("--config", small_config, f"model.name={name}", f"model.deep_supervision={deep_supervision}"),
        f"loss.name={loss}",
    )
    assert (code, err) == (0, "")
    (row,) = rows_of(tmp_path / "outputs" / "small" / "log.csv")
    assert float(row["loss"]) > 0
    assert 0 <= float(row["val_iou"]) <= 1


@pytest.mark.parametrize(
    ("optimizer", "scheduler"),
    [
        ("{name: SGD, lr: 0.1, nesterov: true}", "{name: multi_step, milestones: [1]}"),
        ("{name: Adam, lr: 1e-2}", "{name: plateau}"),
        ("{name: AdamW, lr: 1e-2}", "{name: one_cycle}"),
        ("{name: AdamW, lr: 1e-2}", "{name: constant}"),
    ],
)
def test_optimisers_and_schedules_of_a_run(small_config, run_main, tmp_path, optimizer, scheduler):
    changes = [f"optimizer={optimizer}", f"scheduler={scheduler}", "train.epochs=2", "train.clip_norm=1.0"]
    assert run_main(train, "--config", small_config, *changes)[0] == 0
    rows = rows_of(tmp_path / "outputs" / "small" / "log.csv")
    assert [row["epoch"] for row in rows] == ["1", "2"]
    if "constant" not in scheduler and "plateau" not in scheduler:
        assert rows[0]["lr"] != rows[1]["lr"]
    state = torch.load(tmp_path / "outputs" / "small" / "last.pth", weights_only=True)
    assert state["scheduler"]
    assert state["optimizer"]["state"]


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "scheduler"), [("bf16", "plateau"), ("fp16", "one_cycle")])
def test_half_precision_learns_and_is_scored_alike(small_config, run_main, tmp_path, precision, scheduler):
    words = [f"train.precision={precision}", f"scheduler={{name: {scheduler}}}", "train.clip_norm=1.0"]
    code, out, err = run_main(train, "--config", small_config, *words, "train.epochs=6")
    assert (code, err) == (0, "")
    assert f"threads, {precision}" in out
    run = tmp_path / "outputs" / "small"
    rows = rows_of(run / "log.csv")
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    state = torch.load(run / "best.pth", weights_only=True)
    assert all(weight.dtype == torch.float32 for weight in state["model"].values() if weight.is_floating_point())
    code, out, _ = run_main(val, "--run", run)
    assert code == 0
    assert f"threads, {precision}" in out
    assert f"at network size: IoU {max(float(row['val_iou']) for row in rows):.4f}" in out
    images = tmp_path / "inputs" / "small" / "images"
    code, out, _ = run_main(predict, "--run", run, "--input", images, "--out", tmp_path / "out")
    assert code == 0
    assert f"threads, {precision}" in out


@pytest.mark.slow
def test_it_learns_and_the_run_folder_is_complete(small_config, run_main, tmp_path):
    code, out, _ = run_main(train, "--config", small_config, "train.epochs=25", "model.filters=[8, 8, 16]")
    assert code == 0
    run = tmp_path / "outputs" / "small"
    assert {p.name for p in run.iterdir()} == {
        *("config.yaml", "split.csv", "log.csv", "timing.csv", "last.pth", "previous.pth", "best.pth", "curves.png")
    }
    rows = rows_of(run / "log.csv")
    columns = ["epoch", "lr", "loss", "iou", "dice", "val_loss", "val_iou", "val_dice"]
    assert [name for name in rows[0] if name in columns] == columns
    assert max(float(row["val_iou"]) for row in rows) > 0.7
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert load_config(run / "config.yaml").train.epochs == 25
    assert len(rows_of(run / "split.csv")) == 10
    best = torch.load(run / "best.pth", weights_only=True)
    assert best["scores"]["val_iou"] == max(float(row["val_iou"]) for row in best["history"])
    assert best["classes"] == ["nucleus"]
    assert {"format", "config", "reader", "normalisation", "epoch", "model", "optimizer", "scheduler"} <= set(best)
    assert "10 images, read as RGB, 32×32 pixels; foreground: nucleus" in out
    assert "8 train, 2 val" in out
    assert "CPU with" in out


def test_each_term_of_a_sum_has_its_columns_after_all_others(small_config, run_main, tmp_path):
    terms = "loss={terms: [{name: BCEWithLogitsLoss, factor: 0.5}, {name: DiceLoss}]}"
    network = ["model.name=NestedUNet", "model.deep_supervision=true"]
    assert run_main(train, "--config", small_config, terms, "train.epochs=2", *network)[0] == 0
    rows = rows_of(tmp_path / "outputs" / "small" / "log.csv")
    assert list(rows[0])[-4:] == ["BCEWithLogitsLoss", "DiceLoss", "val_BCEWithLogitsLoss", "val_DiceLoss"]
    for row in rows:
        values = {name: float(value) for name, value in row.items()}
        for part in ("", "val_"):
            total = 0.5 * values[f"{part}BCEWithLogitsLoss"] + values[f"{part}DiceLoss"]
            assert values[f"{part}loss"] == pytest.approx(total, abs=2e-6)
    assert run_main(val, "--run", tmp_path / "outputs" / "small")[0] == 0


@pytest.mark.usefixtures("two_threads")
@pytest.mark.slow
def test_the_same_command_gives_the_same_log(small_config, run_main, tmp_path):
    logs = []
    for name in ("a", "b"):
        assert run_main(train, "--config", small_config, f"name={name}", "train.epochs=2")[0] == 0
        logs.append((tmp_path / "outputs" / name / "log.csv").read_bytes())
    assert logs[0] == logs[1]
    run_main(train, "--config", small_config, "name=c", "seed=1", "train.epochs=2")
    assert (tmp_path / "outputs" / "c" / "log.csv").read_bytes() != logs[0]


@pytest.mark.usefixtures("two_threads")
@pytest.mark.slow
def test_workers_do_not_change_the_log(small_config, run_main, tmp_path):
    for workers in (0, 2):
        changes = [f"name=w{workers}", f"train.workers={workers}"]
        assert run_main(train, "--config", small_config, *changes)[0] == 0
    logs = [(tmp_path / "outputs" / name / "log.csv").read_bytes() for name in ("w0", "w2")]
    assert logs[0] == logs[1]


@pytest.mark.slow
def test_the_run_says_which_augmentation_it_used_and_how_many_workers(small_config, run_main, tmp_path):
    for changes, told in [
        (("train.workers=1",), "samples prepared by 1 workers; augmented one by one, by albumentations"),
        (("train.workers=0", "data.augment=false"), "samples prepared in this process; not augmented"),
        (("data.on_device=true",), "8 samples kept on cpu, 0.0 MiB; augmented there in batches, with draws of its own"),
        (("data={on_device: true, augment: false, crop: 16, root: %s}",), "8 samples kept on cpu, 0.0 MiB; not augmen"),
    ]:
        changes = [change.replace("%s", str(tmp_path / "inputs" / "small")) for change in changes]
        code, out, _ = run_main(train, "--config", small_config, "--fresh", *changes)
        assert code == 0
        assert f"load    {told}" in out
        state = torch.load(tmp_path / "outputs" / "small" / "last.pth", weights_only=True)
        assert state["config"]["data"]["on_device"] is ("kept" in told)
        assert run_main(val, "--run", tmp_path / "outputs" / "small")[0] == 0


def test_validation_repeats_the_logged_number_and_writes_masks(small_config, run_main, tmp_path, monkeypatch):
    root = tmp_path / "inputs" / "small"
    for kind in ("images", "masks/nucleus"):  # one validation image of another size and shape
        path = root / kind / "cell_05.png"
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (50, 41), interpolation=cv2.INTER_NEAREST_EXACT))
    split = tmp_path / "split.csv"
    split.write_text("id,split\n" + "".join(f"cell_{i:02d},{'val' if i > 4 else 'train'}\n" for i in range(10)))
    changes = [f"data.split_file={split}", "train.epochs=4", "data.size=[32, 48]"]
    assert run_main(train, "--config", small_config, *changes)[0] == 0
    run = tmp_path / "outputs" / "small"
    logged = max(rows_of(run / "log.csv"), key=lambda row: float(row["val_iou"]))
    (run / "log.csv").unlink()  # val.py needs the checkpoint and the split only
    code, out, _ = run_main(val, "--run", run)
    assert code == 0
    assert f"at network size: IoU {float(logged['val_iou']):.4f}, Dice {float(logged['val_dice']):.4f}" in out
    rows = rows_of(run / "val" / "scores.csv")
    assert [row["id"] for row in rows] == [f"cell_{i:02d}" for i in range(5, 10)]
    assert (rows[0]["height"], rows[0]["width"]) == ("41", "50")
    for row in rows:  # the scores at image size, again from the files alone
        name = f"{row['id']}.png"
        predicted = cv2.imread(str(run / "val" / "masks" / "nucleus" / name), cv2.IMREAD_UNCHANGED)
        truth = cv2.imread(str(root / "masks" / "nucleus" / name), 0) > 0
        assert predicted.shape == (int(row["height"]), int(row["width"]))
        assert set(np.unique(predicted)) <= {0, 255}
        iou = (truth & (predicted > 0)).sum() / (truth | (predicted > 0)).sum()
        assert float(row["iou_image_size"]) == pytest.approx(iou, abs=1e-6)
    mean = np.mean([float(row["iou_network_size"]) for row in rows])
    assert mean == pytest.approx(float(logged["val_iou_per_image"]), abs=1e-6)
    assert (run / "val" / "overlays" / "contact_sheet.png").stat().st_size > 1000


@pytest.mark.slow
def test_parts_thresholds_and_earlier_results(small_config, run_main, tmp_path):
    run_main(train, "--config", small_config)
    run = tmp_path / "outputs" / "small"
    for part, count in (("val", 2), ("train", 8), ("all", 10)):
        assert run_main(val, "--run", run, "--split", part)[0] == 0
        assert len(rows_of(run / part / "scores.csv")) == count
    first = (run / "val" / "scores.csv").read_bytes()
    code, out, _ = run_main(val, "--run", run, "--threshold", "0.001")
    assert code == 0
    assert "moved   the earlier results to" in out
    assert (run / "val.1" / "scores.csv").read_bytes() == first
    mask = cv2.imread(str(next((run / "val" / "masks" / "nucleus").iterdir())), 0)
    assert (mask == 255).mean() > 0.9  # nearly everything is more probable than one in a thousand
    for wrong in ("0", "1", "1.5"):
        code, _, err = run_main(val, "--run", run, "--threshold", wrong)
        assert code == 2
        assert "give a number between 0 and 1" in err


def test_several_classes(run_main, small_config, tmp_path):
    root = write_set(tmp_path / "inputs" / "two", classes=("a", "b"))
    changes = [f"data.root={root}", "task=multilabel", "name=two", "model.name=NestedUNet"]
    assert run_main(train, "--config", small_config, *changes)[0] == 0
    assert run_main(val, "--run", tmp_path / "outputs" / "two")[0] == 0
    for name in ("a", "b"):
        assert len(list((tmp_path / "outputs" / "two" / "val" / "masks" / name).iterdir())) == 2


@pytest.fixture
def script_scores(monkeypatch):
    """Makes the validations of a training end with these values of val_iou, one after the other."""

    def script(*val_ious):
        coming = iter(val_ious)

        def scripted(model, loader, counts, **settings):
            loss = evaluate(model, loader, counts, **settings)
            scores, value = counts.compute().columns(), next(coming)
            counts.compute = lambda: type("", (), {"columns": lambda self: scores | {"iou": value}})()
            return loss

        monkeypatch.setattr("engine.loops.evaluate", scripted)

    return script


def test_early_stopping_waits_for_its_patience(small_config, run_main, tmp_path, script_scores):
    script_scores(0.2, 0.5, 0.4, 0.5, 0.3, 0.3, 0.3)
    code, out, _ = run_main(train, "--config", small_config, "train.epochs=7", "train.early_stopping=3")
    assert code == 0
    assert "val_iou has not risen for 3 epochs" in out
    assert len(rows_of(tmp_path / "outputs" / "small" / "log.csv")) == 5
    assert torch.load(tmp_path / "outputs" / "small" / "best.pth", weights_only=True)["epoch"] == 2


def test_the_last_epoch_can_be_the_one_that_is_kept(small_config, run_main, tmp_path, script_scores):
    script_scores(0.5, 0.2)
    code, out, _ = run_main(train, "--config", small_config, "train.epochs=2", "train.best=last")
    assert code == 0
    assert "best    epoch 2, " in out
    assert torch.load(tmp_path / "outputs" / "small" / "best.pth", weights_only=True)["epoch"] == 2


def test_weights_from_another_run(small_config, run_main, tmp_path):
    run_main(train, "--config", small_config, "name=first")
    weights = tmp_path / "outputs" / "first" / "best.pth"
    code, out, _ = run_main(train, "--config", small_config, "name=second", f"model.weights={weights}")
    assert code == 0
    assert f"weights {weights}\n        all are taken as they are\n" in out
    two = write_set(tmp_path / "inputs" / "two", classes=("a", "b"))
    changes = ["name=third", f"model.weights={weights}", f"data.root={two}", "task=multilabel"]
    code, out, _ = run_main(train, "--config", small_config, *changes)
    assert code == 0
    assert "final.weight, final.bias: begins anew for mask of a, mask of b" in out


def test_a_batch_larger_than_the_set_is_lowered(small_config, run_main):
    code, out, _ = run_main(train, "--config", small_config, "train.batch_size=64")
    assert code == 0
    assert "lowered from 64 to 8" in out


def test_ctrl_c_ends_cleanly(small_config, run_main, tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.runs.run_folder.RunFolder.save", interrupted)
    code, _, err = run_main(train, "--config", small_config)
    assert code == 130
    assert "Traceback" not in err


def test_a_loss_that_is_no_number_stops_the_run(small_config, run_main):
    code, _, err = run_main(train, "--config", small_config, "optimizer={name: SGD, lr: 1e+30}", "train.epochs=3")
    assert code == 4
    assert "lower optimizer.lr" in err


def test_config_yaml_of_a_run_starts_the_same_run_again(small_config, run_main, tmp_path):
    run_main(train, "--config", small_config)
    again = tmp_path / "outputs" / "small" / "config.yaml"
    assert yaml.safe_load(again.read_text())["name"] == "small"
    assert run_main(train, "--config", again, "name=again")[0] == 0
    logs = [(tmp_path / "outputs" / name / "log.csv").read_bytes() for name in ("small", "again")]
    assert logs[0] == logs[1]


@pytest.mark.parametrize(("changes", "processes", "images"), [((), 1, 4), (("train.accumulate=2",), 1, 2), ((), 2, 2)])
def test_val_takes_as_many_images_at_once_as_the_training_did(
    small_config, run_main, monkeypatch, tmp_path, changes, processes, images
):
    assert run_main(train, "--config", small_config, *changes)[0] == 0
    best = tmp_path / "outputs" / "small" / "best.pth"
    state = {key: value for key, value in load_checkpoint(best).items() if key != "format"}
    save_checkpoint(best, state | {"machine": state["machine"] | {"processes": processes}})
    own_data = sys.modules["assemble.own_data"]  # the package has a function of this name
    seen, build = [], own_data.scoring_loader
    monkeypatch.setattr(
        own_data,
        "scoring_loader",
        lambda *words, **keys: seen.append(keys["batch_size"]) or build(*words, **keys),
    )
    assert run_main(val, "--run", tmp_path / "outputs" / "small")[0] == 0
    assert seen == [images]
