"""Files with odd names: the check, a training, a prediction and its rerun agree on which of them can be used."""

import csv
import os
import sys

import numpy as np
import pytest
from conftest import write_set
from PIL import Image

import predict
import train
import val
from datasets.check.folder import check
from system.csv_text import unguarded
from system.names import MAX_BYTES

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")]
REFUSED = {
    "line end": b"a\nb",
    "carriage return": b"a\rb",
    "vertical tab": b"a\x0bb",
    "escape": b"a\x1b[2Jb",
    "next line": "a\u0085b".encode(),
    "line separator": "a\u2028b".encode(),
    "not UTF-8": b"a\xffb",
    "right to left": "a\u202egnp".encode(),
    "250 bytes": b"x" * 250,
    "250 bytes of 125 letters": "é".encode() * 125,
}
ALLOWED = ["a,b", 'a"b', "=1+1", "'a", "a b", "a;b", "Zelle größer", "细胞", "%s", "{x}", "a.b", "-a", "x" * MAX_BYTES]


def draw(folder, name, value=0):
    """An image of noise with this name, as bytes, without the extension."""
    pixels = np.random.default_rng(len(name)).integers(0, 200, (32, 32)).astype(np.uint8) + np.uint8(value)
    with open(os.path.join(os.fsencode(folder), name + b".png"), "wb") as file:  # noqa: PTH118, PTH123
        Image.fromarray(pixels).save(file, "PNG")


@pytest.fixture
def run(run_main, small_config, tmp_path):
    assert run_main(train, "--config", small_config)[0] == 0
    return tmp_path / "outputs" / "small"


@pytest.mark.parametrize("kind", REFUSED)
def test_check_and_training_refuse_the_same_names(run_main, small_config, small_set, kind):
    for folder in ("images", "masks/nucleus"):
        draw(small_set / folder, REFUSED[kind])
    problems = [one for one in check(small_set).problems if one.kind == "name"]
    assert [(one.severity, one.fix) for one in problems] == [("error", "rename it")] * 2
    code, _, err = run_main(train, "--config", small_config)
    assert code == 3
    assert problems[0].found in err
    assert "Traceback" not in err
    assert all(line.isprintable() for line in err.splitlines())  # the names are escaped


def test_check_and_training_take_odd_but_legal_names(run_main, small_config, small_set, tmp_path):
    """The names go through split.csv and scores.csv, and name masks and overlays."""
    for path in [*(small_set / "images").iterdir(), *(small_set / "masks/nucleus").iterdir()]:
        path.unlink()
    write_set(small_set, images=len(ALLOWED))
    for number, name in enumerate(ALLOWED):
        for folder in ("images", "masks/nucleus"):
            (small_set / folder / f"cell_{number:02d}.png").rename(small_set / folder / f"{name}.png")
    assert [one for one in check(small_set).problems if one.severity == "error"] == []
    code, _, err = run_main(train, "--config", small_config)
    assert code == 0, err
    code, _, err = run_main(train, "--config", small_config, "--resume", "train.epochs=2")
    assert code == 0, err
    run = tmp_path / "outputs" / "small"
    assert run_main(val, "--run", run, "--split", "all")[0] == 0
    with (run / "all" / "scores.csv").open(newline="", encoding="utf-8") as file:
        assert sorted(unguarded(row["id"]) for row in csv.DictReader(file)) == sorted(ALLOWED)
    assert sorted(path.stem for path in (run / "all" / "masks" / "nucleus").iterdir()) == sorted(ALLOWED)


@pytest.mark.parametrize("folder", [b"photos", "odd \u2028 \u0085 photos".encode(), b"photos \xff", b"line\nend, =1"])
def test_a_prediction_leaves_odd_names_out_and_does_the_rest(run, run_main, tmp_path, folder):
    photos = os.fsdecode(os.path.join(os.fsencode(tmp_path), folder))  # noqa: PTH118
    os.mkdir(photos)  # noqa: PTH102
    for name in [*REFUSED.values(), *(name.encode() for name in ALLOWED)]:
        draw(photos, name)
    for already in (0, len(ALLOWED)):  # the second time, all results are there
        code, out, err = run_main(predict, "--run", run, "--input", photos, "--out", tmp_path / "out")
        assert code == 3, err
        assert f"{len(REFUSED)} of {len(REFUSED) + len(ALLOWED)} images could not be used:" in err
        assert err.count("its name cannot name results: ") == len(REFUSED)
        assert f"{len(ALLOWED)}, of which {already} are done already" in out
        assert all(line.strip().isprintable() for line in err.splitlines() if "cannot name results" in line)
    for kind in ("masks/nucleus", "overlays"):
        assert sorted(path.stem for path in (tmp_path / "out" / kind).iterdir()) == sorted(ALLOWED)
    with (tmp_path / "out" / "sources.csv").open(newline="", encoding="utf-8") as file:
        assert sorted(name for name, _ in csv.reader(file)) == sorted(ALLOWED)
    with (tmp_path / "out" / "images.csv").open(newline="", encoding="utf-8") as file:
        assert sorted(unguarded(row["image"]) for row in csv.DictReader(file)) == sorted(ALLOWED)


def test_a_prediction_of_odd_names_alone(run, run_main, tmp_path):
    (tmp_path / "photos").mkdir()
    draw(tmp_path / "photos", b"a\nb")
    code, _, err = run_main(predict, "--run", run, "--input", tmp_path / "photos", "--out", tmp_path / "out")
    assert code == 3
    assert err.count("its name cannot name results") == 1
