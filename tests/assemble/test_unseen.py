"""Runs of two folds on the images that they have not learnt from: suspicious labels, and scores at other sizes."""

import cv2
import numpy as np
import pandas as pd
import pytest

import train
from assemble import unseen
from benchmarks.scores import at_size, scales
from benchmarks.scores import suspects as control
from datasets.suspects import __main__ as suspects


@pytest.fixture
def folds(small_set, small_config, run_main, tmp_path, monkeypatch):
    """The run folders of two folds of a set with label maps."""
    (small_set / "labels").mkdir()
    for path in (small_set / "masks" / "nucleus").iterdir():
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert cv2.imwrite(str(small_set / "labels" / path.name), (mask > 0).astype(np.uint16))
    for fold in (0, 1):
        changes = ["data.folds=2", f"data.fold={fold}", "data.split_seed=1", f"name=fold_{fold}", "task=distance"]
        code, _, err = run_main(train, "--config", small_config, *changes)
        assert (code, err) == (0, "")
    monkeypatch.setattr(unseen, "ROOT", tmp_path)
    return [tmp_path / "outputs" / f"fold_{fold}" for fold in (0, 1)]


def test_all_images_are_judged_by_the_run_that_has_not_seen_them(folds, run_main, tmp_path):
    out = tmp_path / "suspects"
    code, printed, _ = run_main(suspects, *folds, "--out", out)
    assert code == 0
    objects, images = pd.read_csv(out / "objects.csv"), pd.read_csv(out / "images.csv")
    assert f"judged  {len(objects)} objects in 10 images" in printed
    assert list(objects["rank"]) == list(range(1, len(objects) + 1))
    assert objects["score"].is_monotonic_decreasing
    assert objects["score"].between(0, 1).all()
    labelled = objects[objects["labels"].notna()]
    assert sorted(labelled["image"]) == [f"cell_{number:02d}" for number in range(10)]  # each has one cell
    assert images["sum"].is_monotonic_decreasing
    assert images["objects"].sum() == len(objects)
    assert images["suspicious"].sum() == (objects["score"] >= 0.5).sum()
    for run in folds:
        split = pd.read_csv(run / "split.csv")
        own = set(split["id"][split["split"] == "val"])
        assert set(images["image"][images["run"] == run.name]) == own
    assert cv2.imread(str(out / "suspects.png")).shape[1] > 8 + 256


def test_runs_that_cannot_be_judged_are_refused(folds, small_set, run_main, tmp_path):
    out = tmp_path / "suspects"
    code, _, err = run_main(suspects, folds[0], tmp_path / "outputs" / ".." / "outputs" / "fold_0", "--out", out)
    assert (code, out.exists()) == (2, False)
    assert "also validates" in err
    assert "give runs of different folds" in err
    out.mkdir()
    (out / "mine.txt").touch()
    code, _, err = run_main(suspects, folds[0], "--out", out)
    assert code == 2
    assert str(out) in err


def test_the_control_counts_the_labels_that_it_damages(folds):
    text = control.measured(folds, share=1.0, seed=0)
    total = int(text.split(" of 10 labels damaged, ")[0])
    assert 4 <= total <= 10  # no two cells touch, so that none can be merged
    assert f"| {total} | " in text


def test_scores_at_other_magnifications(folds):
    rows = [line.split(" | ") for line in scales.table_of(folds, [0.5, 1.0]).splitlines()[2:]]
    assert [(row[0].strip("| "), row[1], row[2]) for row in rows if "all" in row[0]] == [
        ("all", "0.5", "10"),
        ("all", "1", "10"),
    ]


def test_scores_at_a_common_size(folds):
    """The runs were trained at 32×32, which is the size of the files, so that nothing is resized at 32."""
    for run in folds:
        best = pd.read_csv(run / "log.csv")["val_iou"].max()
        assert at_size.scores_at(run, 32)[0] == pytest.approx(best, abs=1e-3)
        assert 0 <= at_size.scores_at(run, 16)[0] <= 1
