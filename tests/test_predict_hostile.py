"""What a prediction meets in the wild ends in results, or in one clear line and the documented exit code."""

import csv
import errno
import os
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

import predict
import train

pytestmark = pytest.mark.slow
NEVER = ("--threshold", "0.999999")  # no pixel of a short training is a cell


@pytest.fixture
def predicted(run_main, small_config, small_set, tmp_path):
    """Returns a function that predicts a folder of two images with a short run, and the folders."""
    assert run_main(train, "--config", small_config)[0] == 0
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number, path in enumerate(sorted((small_set / "images").iterdir())[:2]):
        path.rename(photos / f"{number}.png")
    words = ("--run", tmp_path / "outputs" / "small", "--input", photos, "--out")
    call = lambda *more, out=out: run_main(predict, *words, out, *more)
    return SimpleNamespace(call=call, out=out, photos=photos)


def one_line(err):
    return err.startswith("error: ") and err.count("\n") == 1 and "Traceback" not in err


def test_no_cells_at_all(predicted):
    code, text, err = predicted.call(*NEVER, "--export", "geojson", "coco", "cellpose")
    assert code == 0, err
    assert "cells   0 in 2 images" in text
    assert len(pd.read_csv(predicted.out / "cells.csv")) == 0
    rows = list(csv.DictReader((predicted.out / "images.csv").read_text().splitlines()))
    assert [(row["cells"], row["warnings"], row["median_area"]) for row in rows] == [("0", "no cells", "")] * 2
    page = (predicted.out / "report.html").read_text("utf-8")
    assert faults_of(page) == []
    assert "cells 0 cells per image 0.0" in Page(page).text
    assert "2 images without a cell: 0, 1." in Page(page).text
    assert '"features": []' in (predicted.out / "geojson" / "0.geojson").read_text()


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
