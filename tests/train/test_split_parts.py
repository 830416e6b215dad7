"""A run with a grouped split and a test part: it is written once, the test part is left alone, and val.py scores it."""

import json

import cv2
import numpy as np
import pytest
from support.fields import drawn_field, tiles_of

import train
import val
from datasets.earlier_start import EarlierStart
from datasets.split import SplitRule, read_split
from datasets.survey import load_training_data
from images import reading
from tasks.binary import Binary

CHOICES = {"size": (16, 16), "normalise": "dataset"}
RANDOM, GROUPED = SplitRule("random", 0.3, 1), SplitRule("grouped", 0.3, 1, test_fraction=0.3)


@pytest.fixture
def tiles(tmp_path):
    """Six fields of four tiles, and their masks."""
    root = tmp_path / "inputs" / "tiles"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for field in range(6):
        for (y, x), tile in tiles_of(drawn_field(field, 192, 192), side=96).items():
            assert cv2.imwrite(str(root / "images" / f"{field}_{y}{x}.png"), tile)
            assert cv2.imwrite(str(root / "masks" / f"{field}_{y}{x}.png"), np.where(tile > 128, 255, 0))
    return root


@pytest.fixture
def decoded(monkeypatch):
    """The names of all files that are decoded."""
    names, decode = [], reading._decode
    note = lambda data, name, *a, **k: names.append(name) or decode(data, name, *a, **k)
    monkeypatch.setattr(reading, "_decode", note)
    return names


def fields_of(split, part):
    return {one[0] for one, given in split.items() if given == part}


def test_tiles_stay_together_and_each_image_is_decoded_once(tiles, decoded):
    data = load_training_data(tiles, Binary, **CHOICES, rule=GROUPED)
    parts = [fields_of(data.split, part) for part in ("train", "val", "test")]
    assert sorted(map(len, parts)) == [2, 2, 2]
    assert set.union(*parts) == set("012345")
    images = [name for name in decoded if "images" in name]
    assert len(images) == len(set(images)) == 24
    assert data.notes[-1].startswith("6 groups of 24 images found, 4 images in the largest; 24 images continue")
    truth = {name for name in decoded if "masks" in name}
    looked_at = 24  # a few files of the truth are looked at to recognise them; here these are all
    assert len(decoded) == 24 + looked_at + 16, "the masks of the test part were read as samples"
    assert len(truth) == 24


def test_a_resume_takes_the_split_over_and_looks_at_no_image(tiles, decoded):
    data = load_training_data(tiles, Binary, **CHOICES, rule=GROUPED)
    state = {"data": data.found.digest, "reader": data.reader.to_dict(), "normalisation": data.normalise.to_dict()}
    state["samples"] = data.found.to_dict()
    decoded.clear()
    again = load_training_data(tiles, Binary, **CHOICES, rule=GROUPED, earlier=EarlierStart.of_checkpoint(state))
    assert (again.split, decoded) == (data.split, [])
    for folder in ("images", "masks"):
        (tiles / folder / "0_00.png").rename(tiles / folder / "0_99.png")  # the images are no longer the same
    changed = load_training_data(tiles, Binary, **CHOICES, rule=GROUPED, earlier=EarlierStart.of_checkpoint(state))
    assert changed.found.digest != data.found.digest
    assert "0_99" in changed.split


def test_a_random_split_leaves_the_checkpoint_as_it_was(tiles):
    assert "split" not in load_training_data(tiles, Binary, **CHOICES, rule=RANDOM).found.to_dict()


@pytest.mark.slow
def test_from_training_to_test_scores(run_main, small_config, tiles, tmp_path):
    words = ["--config", small_config, f"data.root={tiles}", "data.split=grouped", "data.folds=3", "data.fold=1"]
    words += ["data.test_fraction=0.3"]
    code, out, err = run_main(train, *words)
    assert code == 0, err
    assert "continue another one" in out
    assert "12 train, 4 val, 8 test" in out or "8 train, 8 val, 8 test" in out
    run = tmp_path / "outputs" / "small"
    written = (run / "split.csv").read_text()
    split = read_split(run / "split.csv", [path.stem for path in (tiles / "images").iterdir()])
    assert not fields_of(split, "test") & (fields_of(split, "train") | fields_of(split, "val"))
    (run / "split.csv").unlink()
    assert run_main(train, *words, "train.epochs=2", "--resume")[0] == 0
    assert (run / "split.csv").read_text() == written
    code, out, err = run_main(val, "--run", run, "--split", "test", "--no-report")
    assert code == 0, err
    summary = json.loads((run / "test" / "summary.json").read_text())
    assert (summary["images"], summary["part"], summary["data"]["as_in_training"]) == (8, "test", True)
    code, _, err = run_main(train, *words, "data.fold=2", "--resume")
    assert (code, "data.fold: 1 → 2" in err) == (2, True)


@pytest.mark.slow
def test_a_run_without_a_test_part(run_main, small_config, tmp_path):
    assert run_main(train, "--config", small_config)[0] == 0
    code, _, err = run_main(val, "--run", tmp_path / "outputs" / "small", "--split", "test")
    assert (code, "no image is assigned to test; score another part, or train" in err) == (3, True), err
