"""By how much tiles overlap: the default of new runs, the validation while training, and runs that are older."""

import csv

import pytest
import yaml

import train
import val
from engine.runs.checkpoint_file import load_checkpoint, save_checkpoint
from saved_run import open_run

pytestmark = pytest.mark.slow

CROP = ("data.size=null", "data.crop=16", "train.workers=0")
HALF = ("data.overlap=8", "data.val_overlap=8")


def overlaps_of(run):
    data = yaml.safe_load((run / "config.yaml").read_text())["data"]
    return data["overlap"], data["val_overlap"], open_run(run).predictor.model.overlap


def test_a_new_run_keeps_a_quarter_and_validates_with_none(small_config, run_main, tmp_path):
    code, out, _ = run_main(train, "--config", small_config, *CROP)
    assert code == 0
    assert (
        "score   2 of 2 validation images in every epoch, in tiles that overlap by 0 pixels; val.py scores all" in out
    )
    assert overlaps_of(tmp_path / "outputs" / "small") == (4, 0, 4)
    code, out, _ = run_main(val, "--run", tmp_path / "outputs" / "small", "--no-report")
    assert "log.csv has the scores of all validation images, in tiles that overlap by 0 pixels, which" in out


def test_val_gives_the_scores_of_the_log_if_both_overlap_alike(small_config, run_main, tmp_path):
    run = tmp_path / "outputs" / "small"
    assert run_main(train, "--config", small_config, *CROP, "data.val_overlap=4")[0] == 0
    (row,) = csv.DictReader((run / "log.csv").read_text().splitlines())
    code, out, _ = run_main(val, "--run", run, "--no-report")
    assert code == 0
    assert "log.csv" not in out
    assert f"at network size: IoU {float(row['val_iou']):.4f}" in out


def test_a_part_of_the_validation_images_is_scored_and_a_resume_keeps_it(small_config, run_main, tmp_path):
    words = ("--config", small_config, "data.val_fraction=0.5", "train.workers=0")
    assert run_main(train, *words, "name=whole", "train.epochs=2", "data.val_images=3")[0] == 0
    code, out, _ = run_main(train, *words, "name=cut", "data.val_images=3")
    assert "score   3 of 5 validation images in every epoch; val.py scores all" in out
    code, out, err = run_main(train, *words, "name=cut", "train.epochs=2", "--resume")
    assert (code, "score   3 of 5" in out) == (0, True), err
    logs = [(tmp_path / "outputs" / name / "log.csv").read_text() for name in ("whole", "cut")]
    assert logs[0] == logs[1]
    assert run_main(train, *words, "name=all", "train.epochs=2")[0] == 0  # the control: the number is used
    assert (tmp_path / "outputs" / "all" / "log.csv").read_text() != logs[0]
    code, out, _ = run_main(val, "--run", tmp_path / "outputs" / "cut", "--no-report")
    assert "log.csv has the scores of 3 validation images, which differ" in out
    assert len((tmp_path / "outputs" / "cut" / "val" / "scores.csv").read_text().splitlines()) == 1 + 5


def test_an_older_run_keeps_half_a_tile(small_config, run_main, tmp_path):
    """Older versions stored null for the default, which was half a tile, and had no overlap of the validation."""
    words = ("--config", small_config, *CROP)
    assert run_main(train, *words, *HALF, "name=whole", "train.epochs=2")[0] == 0
    assert run_main(train, *words, *HALF, "name=old")[0] == 0
    run = tmp_path / "outputs" / "old"
    for name in ("last.pth", "best.pth"):
        state = {key: value for key, value in load_checkpoint(run / name).items() if key != "format"}
        state["config"]["data"]["overlap"] = None
        del state["config"]["data"]["val_overlap"], state["config"]["data"]["val_images"]
        save_checkpoint(run / name, state)
    assert open_run(run).predictor.model.overlap == 8
    code, _, err = run_main(train, *words, "name=old", "train.epochs=2", "--resume")
    assert code == 0, err
    assert (run / "log.csv").read_bytes() == (tmp_path / "outputs" / "whole" / "log.csv").read_bytes()
    assert overlaps_of(run) == (8, 8, 8)
    code, _, err = run_main(train, *words, "name=old", "train.epochs=3", "--resume", "data.overlap=2")
    assert (code, "data.overlap: 8 → 2" in err) == (2, True)
