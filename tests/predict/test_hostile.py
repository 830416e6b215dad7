"""What a prediction meets in the wild ends in results, or in one clear line and the documented exit code."""

import csv
import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
from support.pages import Page, faults_of
from support.scored_runs import EVIL
from support.short_runs import short_run

import predict

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return short_run(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def predicted(run, run_main, tmp_path):
    """Returns a function that predicts a folder of two images, and the folders."""
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number, path in enumerate(sorted((run.parents[1] / "inputs" / "small" / "images").iterdir())[:2]):
        shutil.copy(path, photos / f"{number}.png")
    call = lambda *more, out=out, run=run: run_main(predict, "--run", run, "--input", photos, "--out", out, *more)
    return SimpleNamespace(call=call, out=out, photos=photos)


def one_line(err):
    return err.startswith("error: ") and err.count("\n") == 1 and "Traceback" not in err


def test_no_cells_at_all(predicted, tmp_path):
    blind = short_run(tmp_path / "blind", "decode={foreground_threshold: 0.9999}")
    code, text, err = predicted.call("--export", "geojson", "coco", "cellpose", run=blind)
    assert code == 0, err
    assert "cells   0 in 2 images" in text
    assert len(pd.read_csv(predicted.out / "cells.csv")) == 0
    rows = list(csv.DictReader((predicted.out / "images.csv").read_text().splitlines()))
    assert [(row["cells"], row["warnings"][:8], row["median_area"]) for row in rows] == [("0", "no cells", "")] * 2
    page = (predicted.out / "report.html").read_text("utf-8")
    assert faults_of(page) == []
    assert "cells 0 cells per image 0.0" in Page(page).text
    assert "2 images without a cell: 0, 1." in Page(page).text
    assert json.loads((predicted.out / "geojson" / "0.geojson").read_text())["features"] == []
    assert json.loads((predicted.out / "coco.json").read_text())["annotations"] == []


def test_a_folder_without_images(predicted):
    for path in predicted.photos.iterdir():
        path.unlink()
    code, _, err = predicted.call()
    assert code == 2
    assert one_line(err), err
    assert str(predicted.photos) in err
    assert not predicted.out.exists()


@pytest.mark.parametrize("place", ["itself", "above it"])
def test_a_file_in_the_place_of_the_folder(predicted, place):
    taken = predicted.out.parent / "taken"
    taken.write_text("a file of somebody")
    code, _, err = predicted.call(out=taken if place == "itself" else taken / "out")
    assert code == 2
    assert one_line(err), err
    assert str(taken) in err
    assert taken.read_text() == "a file of somebody"


def test_a_folder_without_write_permission(predicted, monkeypatch):
    """Rights do not hold for root, so that the system's call refuses here."""
    mkdir = os.mkdir

    def refuse(path, *arguments):
        if Path(os.fsdecode(path)).is_relative_to(predicted.out):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        mkdir(path, *arguments)

    monkeypatch.setattr(os, "mkdir", refuse)
    code, _, err = predicted.call()
    assert code == 6
    assert one_line(err), err
    assert "access rights" in err
    assert str(predicted.out) in err
    monkeypatch.undo()  # the control
    assert predicted.call()[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_disk_that_takes_nothing_more(predicted, fault):
    """What is complete stays; after the fault is gone, the same command does the rest."""
    predicted.out.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", predicted.out]
    if subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("this user may not mount a tmpfs")
    try:
        ballast = predicted.out / "ballast"
        if fault == "full":
            subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=4k"], capture_output=True)  # until it is full
        else:
            subprocess.run(["mount", "-o", "remount,ro", predicted.out], check=True)
        code, _, err = predicted.call()
        assert code == 6
        assert one_line(err), err
        assert {"full": "No space left", "read-only": "Read-only file system"}[fault] in err
        if fault == "full":
            ballast.unlink()
        else:
            subprocess.run(["mount", "-o", "remount,rw", predicted.out], check=True)
        code, _, err = predicted.call("--no-report")
        assert code == 0, err
        assert len(list((predicted.out / "overlays").iterdir())) == 2
    finally:
        subprocess.run(["umount", "-l", predicted.out], check=True)


def test_a_name_with_markup_is_text_everywhere(predicted):
    image = predicted.photos / "0.png"
    image.rename(predicted.photos / f"{EVIL}.png")
    assert cv2.imwrite(str(predicted.photos / "=cmd|calc!A0.png"), np.zeros((32, 32), np.uint8))
    code, _, err = predicted.call("--export", "geojson", "coco", "cellpose")
    assert code == 0, err
    page = (predicted.out / "report.html").read_text("utf-8")
    assert faults_of(page) == []
    assert EVIL in Page(page).text
    with (predicted.out / "images.csv").open(newline="", encoding="utf-8") as file:
        assert {row["image"] for row in csv.DictReader(file)} == {EVIL, "1", "'=cmd|calc!A0"}
