"""predict.py warns about images that are unlike the training images; older runs can be completed."""

import csv
import shutil

import cv2
import numpy as np
import pytest
import torch
from faults.runs import digest
from support import planted_changes as planted

import predict
import train
from datasets.statistics import __main__ as statistics
from engine.runs.checkpoint_file import load_checkpoint, save_checkpoint
from engine.runs.lock import FolderLock
from inference.warnings.counting import warned_line
from inference.warnings.judging import KINDS

pytestmark = pytest.mark.slow


@pytest.fixture
def root(tmp_path):
    """Twenty drawn images with masks of one class."""
    root = tmp_path / "inputs" / "cells"
    for folder in ("images", "masks/cell"):
        (root / folder).mkdir(parents=True)
    for number in range(20):
        image, labels = planted.drawn_cells(number, size=64)
        cv2.imwrite(str(root / "images" / f"{number:02d}.png"), image)
        cv2.imwrite(str(root / "masks" / "cell" / f"{number:02d}.png"), (labels > 0).astype(np.uint8) * 255)
    return root


@pytest.fixture
def trained(run_main, small_config, root, tmp_path):
    words = ("--config", small_config, f"data.root={root}", "data.size=null", "data.crop=32", "train.epochs=2")
    code, out, err = run_main(train, *words)
    assert code == 0, out + err
    return tmp_path / "outputs" / "small", words


@pytest.fixture
def photos(tmp_path):
    """Images that were not trained with: one as it is, and two that are changed."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, change in (("same", lambda image: image), ("inverted", planted.inverted), ("pink", planted.coloured)):
        cv2.imwrite(str(folder / f"{name}.png"), change(planted.drawn_cells(50, size=64)[0]))
    return folder


def rows_of(out):
    with (out / "images.csv").open(encoding="utf-8", newline="") as file:
        return {row["image"]: row["warnings"] for row in csv.DictReader(file)}


def without_statistics(run):
    """Makes the run one of an earlier version."""
    for path in run.glob("*.pth"):
        state = load_checkpoint(path)
        del state["format"], state["statistics"]
        save_checkpoint(path, state)


def files_of(out):
    return {
        path.relative_to(out): path.read_bytes() for name in ("masks", "labels") for path in (out / name).rglob("*.*")
    }


def test_warnings_of_a_run_and_an_older_one_that_is_completed(trained, photos, run_main, tmp_path):
    run, _ = trained
    code, out, err = run_main(predict, "--run", run, "--input", photos, "--out", tmp_path / "new")
    assert code == 0, err
    found = rows_of(tmp_path / "new")
    assert "inverted contrast: median brightness 2" in found["inverted"]
    assert "other channels: the file has colours" in found["pink"]
    assert not any(kind in found["same"] for kind in KINDS)
    assert "warned  2 of 3 images are unlike the training images (" in out
    before = {path.name: load_checkpoint(path) for path in run.glob("*.pth")}

    without_statistics(run)
    code, out, err = run_main(predict, "--run", run, "--input", photos, "--out", tmp_path / "old")
    assert code == 0, err
    assert out.count(f"python -m datasets.statistics --run {run} adds them") == 1
    assert set(rows_of(tmp_path / "old").values()) <= {"", "no cells"}
    assert files_of(tmp_path / "old") == files_of(tmp_path / "new")  # comparing changes no mask

    code, out, err = run_main(statistics, "--run", run)
    assert code == 0, err
    assert "added   the statistics of the training images to best.pth, last.pth, previous.pth" in out
    for name, state in before.items():
        again = load_checkpoint(run / name)  # this checks the seal
        values, known = again.pop("statistics"), state.pop("statistics")
        assert values["names"] == known["names"]
        assert values["values"].numpy().tobytes() == known["values"].numpy().tobytes()
        assert str(again) == str(state)
        assert all(torch.equal(again["model"][key], tensor) for key, tensor in state["model"].items())
    assert "kept" in run_main(statistics, "--run", run)[1]


def test_a_run_with_and_without_statistics_goes_on_to_the_same_bits(trained, run_main, tmp_path):
    run, words = trained
    shutil.copytree(run, tmp_path / "begun")

    def resumed(*steps):
        shutil.rmtree(run)
        shutil.copytree(tmp_path / "begun", run)
        for step in steps:
            step()
        assert run_main(train, *words, "train.epochs=3", "--resume")[0] == 0
        return load_checkpoint(run / "last.pth"), digest(run)

    (_, whole) = resumed()
    older, _ = resumed(lambda: without_statistics(run))
    assert older["statistics"] is None
    assert digest(run) != whole
    completed, bits = resumed(lambda: without_statistics(run), lambda: run_main(statistics, "--run", run))
    assert bits == whole
    assert all(torch.equal(older["model"][key], tensor) for key, tensor in completed["model"].items())


def test_what_the_command_refuses(trained, run_main, root, tmp_path):
    run, _ = trained
    without_statistics(run)
    assert run_main(statistics, "--run", tmp_path / "nothing")[0] == 3
    lock = FolderLock(run)
    before = digest_of(run)
    moved = root / "images" / "00.png"
    content = moved.read_bytes()
    moved.write_bytes(content + b"\0")
    code, _, err = run_main(statistics, "--run", run)
    assert code == 3
    assert "differ from those that the run was trained with" in err
    moved.write_bytes(content)
    state = load_checkpoint(run / "best.pth")
    del state["format"], state["samples"]
    shutil.copy(run / "best.pth", tmp_path / "best.pth")
    save_checkpoint(run / "best.pth", state)
    code, _, err = run_main(statistics, "--run", run)
    assert code == 3
    assert "does not say what was found in its data" in err
    shutil.copy(tmp_path / "best.pth", run / "best.pth")
    assert digest_of(run) == before
    assert not lock.path.exists()


def digest_of(run):
    return {path.name: path.read_bytes() for path in sorted(run.iterdir()) if path.is_file()}


def test_a_task_without_cells_has_its_warnings_in_a_table_of_their_own(run_main, small_config, tmp_path, photos):
    from conftest import write_set

    root = write_set(tmp_path / "inputs" / "two", images=20, classes=("a", "b"))
    words = ("--config", small_config, f"data.root={root}", "task=multilabel")
    assert run_main(train, *words)[0] == 0
    out = tmp_path / "out"
    given = ("--run", tmp_path / "outputs" / "small", "--input", root / "images", "--out", out)
    code, text, err = run_main(predict, *given)
    assert code == 0, err
    assert "of 20 images" in text
    assert list(rows_of(out)) == [f"cell_{number:02d}" for number in range(20)]
    table = (out / "images.csv").read_bytes()
    (out / "warnings" / "cell_03.csv").unlink()
    code, text, err = run_main(predict, *given)
    assert "20, of which 19 are done already" in text
    assert (out / "images.csv").read_bytes() == table


def test_large_images_are_compared_in_windows(trained, run_main, tmp_path, monkeypatch):
    from inference.pipeline import pipeline

    monkeypatch.setattr(pipeline, "LARGE", 1000)
    folder = tmp_path / "large"
    folder.mkdir()
    for name, change in (("same", lambda image: image), ("inverted", planted.inverted)):
        cv2.imwrite(str(folder / f"{name}.png"), change(planted.drawn_cells(60, size=64)[0]))
    code, _, err = run_main(predict, "--run", trained[0], "--input", folder, "--out", tmp_path / "out")
    assert code == 0, err
    found = rows_of(tmp_path / "out")
    assert "inverted contrast" in found["inverted"]
    assert not any(kind in found["same"] for kind in KINDS)


def test_images_are_counted_by_kind(tmp_path):
    table = tmp_path / "images.csv"
    table.write_text('image,warnings\na,no cells\nb,"no cells; blurred: x; other magnification: y"\nc,blurred: z\nd,\n')
    assert warned_line(table) == (
        f"2 of 4 images are unlike the training images (blurred 2, other magnification 1), see {table}"
    )
    table.write_text("image,warnings\na,a pixel size\n")
    assert warned_line(table) == "0 of 1 images are unlike the training images"
