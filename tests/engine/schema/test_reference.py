"""The list of all keys says what the schema says."""

import yaml

from engine.schema.config import Config
from engine.schema.losses import SECTIONS
from engine.schema.reference import reference
from models import ENCODERS, MODELS
from tasks import TASKS

LINES = reference().splitlines()


def dotted(values, prefix=""):
    for key, value in values.items():
        if isinstance(value, dict) and prefix == "" and key in ("data", "model", "train", "decode"):
            yield from dotted(value, f"{key}.")
        else:
            yield f"{prefix}{key}", value


def stated(key):
    (line,) = (line for line in LINES if line.startswith(f"  {key}: "))
    return line.removeprefix(f"  {key}: ").split("  # ")[0].strip()


def test_every_key_has_its_default():
    sections = {
        "loss": {"name": "BCEDiceLoss"},
        "optimizer": {"name": "Adam", "lr": 1},
        "scheduler": {"name": "cosine"},
    }
    config = Config.model_validate({"name": "x", "data": {"root": "r", "crop": 64}, "train": {"epochs": 1}} | sections)
    found = dict(dotted(config.model_dump()))
    assert len(found) >= 40
    for key, value in found.items():
        if key in ("task", "data.crop", "train.epochs", *sections):
            assert stated(key) == "chosen by the data"
        elif key not in ("name", "data.root"):
            assert yaml.safe_load(stated(key)) == value, key
    assert stated("data.root") == "required"


def test_all_names_are_listed_and_lines_are_short():
    text = "\n".join(LINES)
    for name in (*TASKS, *MODELS, *ENCODERS, *SECTIONS, "AdamW", "one_cycle"):
        assert name in text
    assert "AdamW  {lr, betas: [0.9, 0.999], weight_decay: 0.01}" in text
    assert max(map(len, LINES)) <= 120


def test_allowed_names_and_comments_stand_behind_a_key():
    (line,) = (line for line in LINES if line.startswith("  data.intensity: "))
    assert "  # native, image, run; which images" in line
