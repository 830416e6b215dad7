"""predict.py --export writes the cells for other tools beside its other results."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import yaml
from conftest import write_set

import predict
import train
from datasets.prepare.coco.prepare import prepare
from engine.distributed import Ranks
from images.labels import label_file

FREE = ("geojson", "coco", "cellpose")  # they need no further package


@pytest.fixture
def run(run_main, small_config, tmp_path):
    """A short run of the task binary, whose masks become cells."""
    changes = ["train.epochs=4", "model.filters=[8, 8, 16]"]
    code, _, err = run_main(train, "--config", small_config, *changes)
    assert code == 0, err
    return tmp_path / "outputs" / "small"


def plate(folder, root):
    """Two wells of the set's images."""
    for number, name in enumerate(("A01/i0", "B01/i0", "B01/i1")):
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((root / "images" / f"cell_{number:02d}.png").read_bytes())
    return folder


def stamps(folder):
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*.*")}


def test_files_of_other_tools(run, run_main, small_set, tmp_path):
    images, out = plate(tmp_path / "plate", small_set), tmp_path / "out"
    words = ("--run", run, "--input", images, "--out", out)
    code, text, err = run_main(predict, *words, "--export", *FREE)
    assert code == 0, err
    assert "export  files of other tools for 3 images" in text
    content = json.loads((out / "coco.json").read_text(encoding="utf-8"))
    assert [image["file_name"] for image in content["images"]] == ["A01/i0.png", "B01/i0.png", "B01/i1.png"]
    assert [category["name"] for category in content["categories"]] == ["nucleus"]
    cells = 0
    for name in ("A01/i0", "B01/i0", "B01/i1"):
        labels = tifffile.imread(out / "labels" / f"{name}.tif")
        cells += labels.max()
        assert np.array_equal(tifffile.imread(out / "cellpose" / f"{name}_cp_masks.tif"), labels)
        found = json.loads((out / "geojson" / f"{name}.geojson").read_text())["features"]
        table = (out / "cells" / f"{name}.csv").read_text().splitlines()[1:]
        expected = {row.split(",")[0]: float(row.split(",")[-1]) for row in table}
        measured = {one["properties"]["name"]: one["properties"]["measurements"] for one in found}
        assert {label: one["confidence"] for label, one in measured.items()} == expected
    assert cells == len(content["annotations"]) > 0
    assert all(0 < one["score"] <= 1 for one in content["annotations"])
    assert yaml.safe_load((out / "prediction.yaml").read_text())["exports"] == sorted(FREE)
    prepare(out / "coco.json", tmp_path / "again", images=images, workers=1)
    back = cv2.imread(str(tmp_path / "again/labels/B01/i0.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(back, tifffile.imread(out / "labels/B01/i0.tif"))


def test_a_rerun_writes_what_another_list_adds(run, run_main, small_set, tmp_path, monkeypatch):
    """Nothing is predicted again. Large label maps, which lie in files, give the same bytes."""
    out = tmp_path / "out"
    words = ("--run", run, "--input", plate(tmp_path / "plate", small_set), "--out", out)
    assert run_main(predict, *words)[0] == 0
    before = stamps(out)
    assert not any("geojson" in name for name in before)
    code, text, _ = run_main(predict, *words, "--export", "geojson")
    assert code == 0
    assert "3, of which 3 are done already" in text
    monkeypatch.setattr(label_file, "ABOVE", 10)
    (out / "geojson/B01/i0.geojson").rename(tmp_path / "first.geojson")
    code, text, _ = run_main(predict, *words, "--export", "geojson", "cellpose")
    assert "export  files of other tools for 3 images" in text
    assert (out / "geojson/B01/i0.geojson").read_bytes() == (tmp_path / "first.geojson").read_bytes()
    assert (out / "cellpose/A01/i0_cp_masks.tif").exists()
    after = stamps(out)
    changed = {"cells.csv", "images.csv", "prediction.yaml", "report.html"}
    assert {name for name, time in before.items() if after[name] != time} <= changed
    assert yaml.safe_load((out / "prediction.yaml").read_text())["exports"] == ["cellpose", "geojson"]
    assert run_main(predict, *words)[0] == 0  # without formats, the folder is still the same prediction
    assert not list(out.glob(".*"))


def test_processes_export_their_own_images(run, run_main, small_set, tmp_path, monkeypatch):
    out, words = tmp_path / "out", ("--run", run, "--input", plate(tmp_path / "plate", small_set))
    for rank in (0, 1):
        monkeypatch.setattr(Ranks, "of_torchrun", lambda rank=rank: Ranks(rank, 2))
        assert run_main(predict, *words, "--out", out, "--export", *FREE)[0] == 0
        assert (out / "coco.json").exists() == (rank == 1)  # the last one to end writes it
        assert len(list(out.glob("geojson/*/*"))) == (3 if rank else len(list(out.glob("labels/*/*"))))
    assert len(json.loads((out / "coco.json").read_text())["images"]) == 3


def test_a_task_without_cells_is_refused(run_main, small_config, tmp_path):
    root = write_set(tmp_path / "inputs" / "two", classes=("a", "b"))
    changes = ["task=multilabel", f"data.root={root}", "model.filters=[4, 4]"]
    assert run_main(train, "--config", small_config, *changes)[0] == 0
    words = ("--run", tmp_path / "outputs" / "small", "--input", root / "images", "--out", tmp_path / "out")
    code, _, err = run_main(predict, *words, "--export", "coco")
    assert code == 2
    assert "--export coco: the task of this run has no cells" in err
    assert not (tmp_path / "out").exists()
    assert run_main(predict, *words)[0] == 0  # the control


def test_an_unknown_format_and_a_missing_package(run_main, tmp_path, monkeypatch):
    words = ("--run", tmp_path / "none", "--input", tmp_path, "--out", tmp_path / "out", "--export")
    code, _, err = run_main(predict, *words, "svg")
    assert code == 2
    assert "svg" in err
    assert "geojson" in err
    monkeypatch.setattr("inference.other_tools.formats.find_spec", lambda package: None)
    code, _, err = run_main(predict, *words, "roi")
    assert code == 2
    assert "roi needs the package roifile, which is not installed: python -m pip install" in err


def test_the_image_whose_export_fails_is_named(run, run_main, small_set, tmp_path):
    out = tmp_path / "out"
    words = ("--run", run, "--input", plate(tmp_path / "plate", small_set), "--out", out)
    assert run_main(predict, *words)[0] == 0
    Path(out / "labels/A01/i0.tif").write_bytes(b"II*\0")
    code, _, err = run_main(predict, *words, "--export", "geojson", "coco")
    assert code == 3
    assert "1 of 3 images could not be used" in err
    assert "i0.tif" in err
    assert (out / "geojson/B01/i0.geojson").exists()
