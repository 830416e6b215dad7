"""summary.json of val.py: what was counted, with which threshold, on which data, with which weights."""

import json

import cv2
import numpy as np
import pytest
import torch
from test_tasks import LOSS, write_class_maps

import report.__main__ as report_command
import train
import val


def summary_of(run, part="val"):
    return json.loads((run / part / "summary.json").read_text(encoding="utf-8"))


@pytest.fixture
def run(run_main, small_config, tmp_path):
    code, _, err = run_main(train, "--config", small_config, "train.epochs=3")
    assert code == 0, err
    return tmp_path / "outputs" / "small"


def test_the_counts_are_those_of_the_files(run, run_main, small_set):
    assert run_main(val, "--run", run, "--split", "all", "--threshold", "0.4")[0] == 0
    found = summary_of(run, "all")
    counted = np.zeros(3, int)
    for path in (run / "all" / "masks" / "nucleus").iterdir():
        predicted = cv2.imread(str(path), 0) > 0
        truth = cv2.imread(str(small_set / "masks" / "nucleus" / path.name), 0) > 0
        counted += [(predicted & truth).sum(), (predicted & ~truth).sum(), (~predicted & truth).sum()]
    assert list(found["counts"]["pixels"]["nucleus"].values()) == counted.tolist()
    assert found["iou"] == counted[0] / counted.sum()
    assert (found["threshold"], found["images"], found["part"]) == (0.4, 10, "all")
    scores = {"iou", "dice", "iou_per_image", "dice_per_image", "precision", "recall"}
    assert scores == found["definitions"].keys()
    assert scores <= found.keys()  # they are still flat


def test_fingerprints_of_data_and_weights(run, run_main, small_set, small_config):
    assert run_main(val, "--run", run)[0] == 0
    first, state = summary_of(run), torch.load(run / "best.pth", weights_only=True)
    assert first["weights"].encode() == (run / "best.pth").read_bytes()[-14:]
    assert first["data"]["folder"] == str(small_set)
    assert (first["data"]["fingerprint"], first["data"]["split"]) == (state["data"], state["split"])
    assert first["data"]["as_in_training"] is True

    mask = small_set / "masks" / "nucleus" / "cell_03.png"
    corrected = cv2.imread(str(mask), 0)
    corrected[:2] = 255 - corrected[:2]
    assert cv2.imwrite(str(mask), corrected)
    code, _, err = run_main(val, "--run", run)
    assert code == 0, err
    second = summary_of(run)
    assert second["data"]["as_in_training"] is False
    assert second["data"]["fingerprint"] != first["data"]["fingerprint"]
    assert (second["weights"], second["data"]["split"]) == (first["weights"], first["data"]["split"])

    assert run_main(train, "--config", small_config, "--fresh", "seed=7")[0] == 0
    assert run_main(val, "--run", run)[0] == 0
    assert summary_of(run)["weights"] != first["weights"]


@pytest.mark.slow
def test_the_page_is_drawn_at_the_end_and_never_fails_a_validation(run, run_main, monkeypatch):
    page = run / "report.html"
    code, out, _ = run_main(val, "--run", run, "--no-report")
    assert (code, page.exists(), "page " in out) == (0, False, False)
    code, out, _ = run_main(val, "--run", run)
    assert (code, page.exists()) == (0, True)
    assert out.splitlines()[-1].startswith(f"page    {page}, 0.")
    assert summary_of(run)["command"] == f"python val.py --run {run} --split val --threshold 0.5"
    assert run_main(val, "--run", run, "--split", "train")[0] == 0
    assert (run / "report_train.html").exists()

    page.unlink()
    assert run_main(report_command, run)[0] == 0  # from the files that are there
    assert page.exists()

    def fail(*_, **__):
        raise RuntimeError("no font\nmore")

    monkeypatch.setattr("report.run_page.learning_curves", fail)
    code, out, err = run_main(val, "--run", run)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"page    report.html cannot be drawn (no font); python -m report {run} tries again"


def test_a_multiclass_run_has_no_threshold_and_counts_every_class(run_main, small_config, tmp_path):
    root = write_class_maps(tmp_path / "inputs" / "maps")
    words = ["task=multiclass", f"data.root={root}", f"loss={{name: {LOSS['multiclass']}}}"]
    assert run_main(train, "--config", small_config, *words)[0] == 0
    assert run_main(val, "--run", tmp_path / "outputs" / "small", "--split", "all")[0] == 0
    found = summary_of(tmp_path / "outputs" / "small", "all")
    assert found["threshold"] is None
    assert "wrong class" in (tmp_path / "outputs" / "small" / "report_all.html").read_text("utf-8")
    pixels = found["counts"]["pixels"]
    assert list(pixels) == ["background", "rim", "core"]
    true = sum(one["true_positive"] + one["false_negative"] for one in pixels.values())
    predicted = sum(one["true_positive"] + one["false_positive"] for one in pixels.values())
    assert true == predicted == 8 * 31 * 32  # eight images; their first row is void
    assert "without the background" in found["definitions"]["iou"]
    assert found["definitions"]["iou_rim"].endswith("Only the class rim counts.")
