"""The shipped configurations."""

import re
import shlex
from pathlib import Path

import pytest

from engine.schema.config_file import load_config

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "configs").glob("*.yaml"))


def test_how_many_there_are():
    sets = ["dsb2018", "dsb2018_96", "dsb2018_96_fast", "dsb2018_cells"]
    assert [path.stem for path in FILES] == ["best", "demo", *sets, "my_images", "small", "stains"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_is_valid_and_says_how_to_run_it(path):
    config = load_config(path)
    assert config.name == path.stem
    header = path.read_text(encoding="utf-8").split("\n\n")[0]
    assert all(line.startswith("#") for line in header.splitlines())
    assert f"python train.py --config configs/{path.name}" in header


def test_the_overrides_in_the_header_of_the_classic_recipe_are_valid():
    path = ROOT / "configs" / "dsb2018_96.yaml"
    lines = re.findall(r"^# +… (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == 4
    configs = [load_config(path, line.split()) for line in lines]
    assert len({config.name for config in configs}) == 4


def test_the_classic_recipe_is_the_published_one():
    config = load_config(ROOT / "configs" / "dsb2018_96.yaml")
    assert (config.model.name, config.loss.name, config.data.size) == ("NestedUNet", "LovaszHingeLoss", 96)
    optimizer = config.optimizer
    assert (optimizer.name, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == ("SGD", 1e-3, 0.9, 1e-4)
    assert (config.scheduler.name, config.scheduler.min_lr) == ("cosine", 1e-5)
    assert (config.train.epochs, config.train.batch_size) == (100, 16)
    assert (config.data.val_fraction, config.data.split_seed) == (0.2, 41)


def test_the_recipe_for_cells_takes_both_tasks():
    path = ROOT / "configs" / "dsb2018_cells.yaml"
    assert (load_config(path).task, load_config(path).best) == ("distance", "val_ap_50")
    (line,) = re.findall(r"cells\.yaml (name=.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert load_config(path, shlex.split(line)).task == "border"
