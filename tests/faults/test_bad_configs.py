"""A wrong configuration ends with exit 2 before any work. All its problems come at once, with file, key and remedy.

tests/engine/schema/test_config_file.py checks the words for each kind of mistake. This file has configurations as
people write them.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import train

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "data": {"root": "inputs/x", "size": 96},
    "loss": {"name": "LovaszHingeLoss"},
    "optimizer": {"name": "SGD", "lr": 0.001},
    "scheduler": {"name": "cosine"},
    "train": {"epochs": 2},
}
TEXT = yaml.safe_dump(GOOD)
WITHOUT = object()
# dotted key → a wrong value, and words of the remedy that has to stand beside the key
VALUES = [
    ("data.root", WITHOUT, "is required"),
    ("data.root", ["a"], "expected text"),
    ("data.size", "96", "allowed is a side in pixels"),
    ("data.size", 96.5, "allowed is a side in pixels"),
    ("data.size", -1, "allowed is a side in pixels"),
    ("data.size", [96, 96, 3], "[height, width]"),
    ("data.size", [96, "x"], "[height, width]"),
    ("data.size", 10**6, "allowed is a side in pixels"),
    ("data.size", True, "allowed is a side in pixels"),
    ("data.val_fraction", 0, "greater than 0"),
    ("data.val_fraction", 1.5, "less than 1"),
    ("data.val_fraction", "20%", "expected a number"),
    ("data.val_fraction", float("nan"), "finite"),
    ("data.split_seed", -1, "greater than or equal to 0"),
    ("data.split_file", 3, "expected text"),
    ("data.augment", "yes please", "true or false"),
    ("data.augment", 1, "true or false"),
    ("data.crop_sampling", "size", "allowed: image, area, balanced"),
    ("data.channels", "rgb", "allowed are auto, a number of channels"),
    ("data.plane", "z", "allowed is one plane of each stack"),
    ("data.intensity", "auto", "allowed: native, image, run"),
    ("data.mask_threshold", 128, "less than 1"),
    ("data.max_pixels", 0, "greater than 0"),
    ("data.normalize", "imagenet", "did you mean 'normalise'"),
    ("data.batch_size", 4, "unknown key"),
    ("model.name", "UNet++", "allowed: UNet, NestedUNet"),
    ("model.name", None, "allowed: UNet, NestedUNet"),
    ("model.filters", [], "at least 2"),
    ("model.filters", [32, 0], "greater than 0"),
    ("model.filters", 32, "expected a list"),
    ("model.filters", ["a", "b"], "expected a whole number"),
    ("model.norm", "layer", "allowed: batch, group"),
    ("model.deep_supervison", True, "did you mean 'deep_supervision'"),
    ("model.weights", 5, "expected text"),
    ("loss.name", "DiceLos", "did you mean 'DiceLoss'"),
    ("loss.smooth", 1.0, "unknown key"),
    ("loss", "LovaszHingeLoss", "expected a section"),
    ("data", None, "data.root: is required and not given"),
    ("optimizer.name", "sgd", "did you mean 'SGD'"),
    ("optimizer.lr", 0, "greater than 0"),
    ("optimizer.lr", "fast", "expected a number"),
    ("optimizer.lr", WITHOUT, "is required"),
    ("optimizer.momentum", 1.0, "less than 1"),
    ("optimizer.betas", [0.9, 0.999], "unknown key"),
    ("optimizer", {"name": "AdamW", "lr": 0.1, "betas": [0.9]}, "at least 2"),
    ("optimizer", {"name": "AdamW", "lr": 0.1, "betas": [0.9, 1.0]}, "less than 1"),
    ("scheduler.name", "step", "did you mean 'multi_step'"),
    ("scheduler.warmup_fraction", 0.3, "unknown key"),
    ("scheduler", {"name": "one_cycle", "warmup_fraction": 2}, "less than 1"),
    ("scheduler", {"name": "multi_step"}, "is required"),
    ("scheduler", {"name": "multi_step", "milestones": [0]}, "greater than 0"),
    ("train.epochs", "2", "expected a whole number"),
    ("train.epochs", -3, "greater than 0"),
    ("train.batch_size", 0, "greater than 0"),
    ("train.precision", "fp8", "allowed: auto, fp32, bf16, fp16"),
    ("train.device", "gpu", "allowed: auto, cuda, mps, cpu"),
    ("train.workers", -1, "greater than or equal to 0"),
    ("train.clip_norm", 0, "greater than 0"),
    ("train.early_stopping", 0, "greater than 0"),
    ("train", {"epochs": 9, "best": "last", "early_stopping": 3}, "leave one out"),
    ("seed", "x", "expected a whole number"),
    ("seed", -1, "greater than or equal to 0"),
    ("task", "segmentation", "allowed: binary, multilabel"),
    ("name", "a/b", "allowed are letters"),
    ("name", "..", "allowed are letters"),
    ("name", "x" * 101, "at most 100"),
    ("models", {"name": "UNet"}, "did you mean 'model'"),
    ("data", WITHOUT, "is required"),
]
# text of a file → words that name the line or the remedy
FILES = [
    (TEXT + "train: {epochs: 3}\n", "the key 'train' is given twice"),
    (TEXT.replace("size: 96", "size: &s 96\n  crop: *s"), "aliases are not allowed"),
    (TEXT.replace("size: 96", "size: !!python/name:os.getcwd"), "the tag"),
    ("[" * 1000, "inside each other"),
    (TEXT + "a\tb: [", "line"),
    (TEXT + "---\nseed: 1\n", "another document"),
    ("just a sentence\n", "must hold sections"),
    (TEXT + '"\\ud800": 1\n', "half a character"),
    (TEXT.replace("epochs: 2", "epochs: 010"), "train.epochs: got '010' (text)"),
]


def with_value(key, value):
    content = yaml.safe_load(TEXT)
    *sections, last = key.split(".")
    section = content
    for name in sections:
        section = section.setdefault(name, {})
    if value is WITHOUT:
        del section[last]
    else:
        section[last] = value
    return yaml.safe_dump(content)


def refused(run_main, tmp_path, text):
    path = tmp_path / "exp.yaml"
    path.write_text(text)
    before = sorted(tmp_path.iterdir())
    code, out, err = run_main(train, "--config", path)
    assert code == 2
    assert out == ""
    assert err.startswith(f"error: {path}")
    assert sorted(tmp_path.iterdir()) == before
    return err


def test_each_is_refused_with_file_key_and_remedy(run_main, tmp_path, tell):
    wrong = []
    for key, value, remedy in VALUES:
        err = refused(run_main, tmp_path, with_value(key, value))
        lines = [line for line in err.splitlines() if line.strip().startswith(key)]
        wrong += [] if any(remedy in line for line in lines) else [(key, value, err.splitlines()[1:])]
    assert wrong == []
    for text, told in FILES:
        assert told in refused(run_main, tmp_path, text)
    tell("bad configurations", len(VALUES) + len(FILES), "exit 2 with file, key and remedy; nothing written")


def test_all_problems_of_a_file_come_at_once(run_main, tmp_path, tell):
    content = yaml.safe_load(TEXT)
    chosen = {key: (value, remedy) for key, value, remedy in VALUES if "." in key and value is not WITHOUT}
    for key, (value, _) in chosen.items():
        section, last = key.split(".")
        if section in ("data", "train"):
            content.setdefault(section, {})[last] = value
    err = refused(run_main, tmp_path, yaml.safe_dump(content))
    planted = [key for key in chosen if key.startswith(("data.", "train."))]
    told = [key for key in planted if f"  {key}: " in err]
    assert told == planted
    assert len(told) >= 15
    assert f"{len(planted)} problems" in err
    tell("problems of one configuration", len(planted), "all told at once")


def test_a_long_value_is_shortened(run_main, tmp_path):
    err = refused(run_main, tmp_path, with_value("train.epochs", "9" * 50_000))
    assert len(err) < 500


def test_the_good_one_is_not_refused(tmp_path):
    from engine.schema.config_file import load_config

    path = tmp_path / "exp.yaml"
    path.write_text(TEXT)
    assert load_config(path).train.epochs == 2


@pytest.mark.parametrize("key", ["optimizer.lr", "data.root"])
def test_the_command_line_refuses_within_a_second_and_without_torch(key, tmp_path):
    path = tmp_path / "exp.yaml"
    path.write_text(with_value(key, WITHOUT))
    command = [sys.executable, "-X", "importtime", "train.py", "--config", str(path)]
    started = sum(os.times()[2:4])
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    seconds = sum(os.times()[2:4]) - started  # of a processor, which others may use as well
    assert done.returncode == 2
    loaded = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if line.startswith("import time")}
    assert "pydantic" in loaded
    assert not loaded & {"torch", "numpy", "cv2", "albumentations"}
    assert f"{path}: 1 problem\n  {key}: is required" in done.stderr
    assert seconds < 1
