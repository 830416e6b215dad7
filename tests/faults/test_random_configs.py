"""Random configurations that the schema accepts train to their end, or diverge: none ends with a traceback."""

import collections
import random

import cv2
import numpy as np
import pytest
import yaml

import train
from engine.schema.numbers import MOST, MOST_WORKERS
from losses import LOSSES

LARGE = [MOST, MOST + 1, 2**32, 10**30]
# dotted key → values, common ones first. Most are allowed, each by itself; some are not.
VALUES = {
    "seed": [0, 41, 2**32 - 1, 2**32, 2**63, 2**64 - 1, 2**64],
    "task": ["binary", "distance", "border"],
    "data.size": [32, 16, 2, 1, [16, 33], [2, 40], [1, 32], 8],
    "data.overlap": [0, 1, 5, *LARGE],
    "data.crops_per_image": [1, 2, 10**30],
    "data.split_seed": [0, 2**32 - 1, 2**32],
    "data.val_fraction": [0.3, 1e-300],
    "data.border_radius": [1, 2.5, 20, 101, 1e9, 1e308],
    "data.max_pixels": [2**28, 2**62, 10**30],
    "data.augment": [True, False, {"scale": True, "noise": 1}, {"scale": [0.1, 10], "elastic": 1}, {"stain": True}],
    "data.crop_sampling": ["image", "area"],
    "data.on_device": ["auto", True],
    "data.channels": ["auto", 1, 3, [0]],
    "data.intensity": ["native", "image", "run"],
    "model.name": ["UNet", "NestedUNet"],
    "model.filters": [[2, 2], [2, 2, 2], [3, 1], [2, 2, 2, 2, 2], [10**30, 2], [1] * 6],
    "model.deep_supervision": [False, False, True],
    "model.norm": ["batch", "group"],
    "optimizer.name": ["SGD", "Adam", "AdamW"],
    "optimizer.lr": [0.01, 1e-300, 1e308],
    "optimizer.weight_decay": [0.0, 1e308],
    "train.batch_size": [4, 1, 2, 3, *LARGE],
    "train.accumulate": [1, 2, 3, *LARGE],
    "train.ema": [None, 0.999, 1e-300],
    "train.norm_batches": [None, 1, *LARGE],
    "train.clip_norm": [None, 1.0, 1e-308, 1e308],
    "train.precision": ["fp32", "bf16"],
    "train.decode_every": ["auto", 1, *LARGE],
    "train.early_stopping": [None, 1, *LARGE],
    "train.best": ["auto", "last"],
    "train.workers": [0, MOST_WORKERS + 1, 10**30],
    "train.save_every_minutes": [10.0, 1e-308, 1e308],
}
SCHEDULERS = [
    {"name": "constant"},
    {"name": "cosine", "min_lr": 1e-308},
    {"name": "cosine", "warmup_epochs": 1},
    {"name": "one_cycle", "warmup_fraction": 1e-300},
    {"name": "one_cycle", "warmup_fraction": 0.9999999},
    {"name": "plateau", "patience": 10**30},
    {"name": "plateau", "factor": 1e-300, "patience": 0},
    {"name": "multi_step", "milestones": [1, MOST]},
    {"name": "multi_step", "milestones": [10**30]},
]
NUMBERS = [0, 0.5, 1, 1e-300, 1e308]
LOSS_KEYS = {"pos_weight": [[0], [1], [1e300]], "weight": [[0], [2.5]], "ignore_class": [0, 10**30]}
LOSS_KEYS |= dict.fromkeys(("smooth", "gamma", "alpha", "beta", "bce_weight"), NUMBERS)
CHANGES = 5  # of a configuration that trains
BASE = {
    "data": {"size": 32, "val_fraction": 0.2},
    "model": {"name": "UNet", "filters": [2, 2]},
    "loss": {"name": "BCEDiceLoss"},
    "optimizer": {"name": "AdamW", "lr": 0.01},
    "scheduler": {"name": "constant"},
    "train": {"epochs": 1, "batch_size": 4, "precision": "fp32", "workers": 0},
}


def random_loss(chance):
    """A loss of the table with some of its keys, or a sum of one."""
    name = chance.choice(list(LOSSES))
    keys = {key: chance.choice(LOSS_KEYS[key]) for key in chance.sample(list(LOSS_KEYS), 1)}
    loss = {"name": name} | (keys if chance.random() < 0.5 else {})
    return {"terms": [loss | {"factor": chance.choice((1, 1e308))}]} if chance.random() < 0.2 else loss


def random_config(seed, root):
    """`BASE` with some changes."""
    chance = random.Random(seed)
    config = yaml.safe_load(yaml.safe_dump(BASE))
    config["data"]["root"] = str(root)
    for key in chance.sample(list(VALUES), CHANGES):
        section, _, last = key.rpartition(".")
        options = VALUES[key]
        (config[section] if section else config)[last] = chance.choice([*options[:3], chance.choice(options)])
    if chance.random() < 0.4:
        config["scheduler"] = chance.choice(SCHEDULERS)
    if chance.random() < 0.4:
        config["loss"] = random_loss(chance)
    if chance.random() < 0.3:
        config["data"]["crop"] = config["data"].pop("size")
    return config


@pytest.fixture
def small_cells(small_set):
    """`small_set` with label maps of its discs."""
    (small_set / "labels").mkdir()
    for path in (small_set / "masks" / "nucleus").iterdir():
        labels = cv2.connectedComponents(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))[1]
        assert cv2.imwrite(str(small_set / "labels" / path.name), labels.astype(np.uint16))
    return small_set


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of divisions by sums that are 0, and the like
def test_they_train_or_are_refused(run_main, small_cells, tmp_path, trials, tell):
    count, codes, crashes = trials(20, 300), collections.Counter(), []
    for seed in range(10 * count):
        config = random_config(seed, small_cells)
        path = tmp_path / f"r{seed}.yaml"
        path.write_text(yaml.safe_dump(config))
        try:
            code, _, err = run_main(train, "--config", path)
        except Exception as error:
            code, err = "crash", repr(error)
        codes[code] += 1
        empty = code == 3 and "check that these are the masks" in err  # the discs vanish in images of 2×2 pixels
        if code not in (0, 2, 4) and not empty:
            crashes.append((config, err))
        if codes[0] + codes[4] >= count:
            break
    assert crashes == []
    assert codes[0] + codes[4] == count
    assert min(codes[2], codes[0]) > count // 4  # both kinds are there
    tell("random configurations", codes.total(), f"{codes[0]} trained, {codes[4]} diverged, {codes[2]} refused")


WRONG = [
    ({"data.size": 16, "model.filters": [2, 2, 2, 2, 2], "train.batch_size": 1}, "batch norm needs two values"),
    ({"data.size": 16, "model.filters": [2] * 5, "train.batch_size": 4, "train.accumulate": 4}, "at least two (train."),
    ({"data.size": 1}, "data.size: got 1; allowed is a side in pixels, such as 96"),
    ({"data.size": [1, 64]}, "each from 2 to 16384"),
    ({"loss": {"name": "BCEWithLogitsLoss", "pos_weight": [0]}}, "one of them above 0"),
    ({"seed": 2**64}, "less than or equal to 18446744073709551615"),
    ({"data.split_seed": 2**32}, "data.split_seed: got 4294967296"),
    ({"data.border_radius": 1e9}, "less than or equal to 100"),
    ({"data.border_radius": 1e308}, "less than or equal to 100"),
    *(({key: 10**30}, f"{key}: got 1000000000000000000000000000000") for key in ("train.epochs", "train.batch_size")),
    *(({key: 10**30}, f"{key}: got 1000000000000000000000000000000") for key in ("train.workers", "data.max_pixels")),
    ({"model.filters": [10**30, 2]}, "model.filters.0: got 1000000000000000000000000000000"),
    ({"data.crops_per_image": 10**30}, "data.crops_per_image: got 1000000000000000000000000000000"),
    ({"scheduler": {"name": "plateau", "patience": 10**30}}, "scheduler.patience: got 1000000000000000000000000000000"),
]


@pytest.mark.parametrize(("changes", "told"), WRONG)
def test_what_would_crash_later_is_refused_with_its_key(run_main, tmp_path, changes, told):
    config = yaml.safe_load(yaml.safe_dump(BASE)) | {"task": "border"}
    config["data"]["root"] = "inputs/x"
    if "loss" in changes:
        config["task"] = "binary"
    for key, value in changes.items():
        section, _, last = key.rpartition(".")
        (config[section] if section else config)[last] = value
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(config))
    code, _, err = run_main(train, "--config", tmp_path / "a.yaml")
    assert code == 2
    assert told in err


def test_one_training_image_of_a_single_value_is_refused(run_main, small_set, small_config):
    """Only the data shows that an epoch has one image."""
    names = sorted(path.stem for path in (small_set / "images").iterdir())
    lines = [f"{name},{'train' if name == names[0] else 'val'}" for name in names]
    split = small_set / "split.csv"
    split.write_text("\n".join(["id,split", *lines]))
    code, _, err = run_main(train, "--config", small_config, "data.size=16", f"data.split_file={split}")
    assert code == 2
    assert "of which 1 goes through it at once; take at least two" in err
