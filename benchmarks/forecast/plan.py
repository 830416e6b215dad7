"""A configuration and numbers of images → the trainings of a forecast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

import assemble
from benchmarks.table.columns import COLUMNS, Column
from benchmarks.table.plan import Run
from benchmarks.table.scoring import grouping_of_data
from datasets.split import split_to_csv
from engine.schema.config import Config
from engine.schema.config_file import load_config
from system.errors import ConfigError
from tasks import TASKS
from train import filled

FIRST, FACTOR = 10, 2  # the numbers of images without --sizes
CONFIG_FILE = "config.yaml"
WITHOUT_SPLIT = ("data.folds=null", "data.fold=null", "data.test_fraction=null")  # split files take their place


@dataclass(frozen=True)
class Plan:
    """What is trained.

    Attributes:
        folder: of the results.
        config: the complete configuration, of which each run changes some keys.
        split_files: path → its text, one for each draw of each number of images.
        variants: label → number of training images → the runs of its draws.
        column: the score.
    """

    folder: Path
    config: Config
    split_files: Mapping[Path, str]
    variants: Mapping[str, Mapping[int, Sequence[Run]]]
    column: Column

    @property
    def config_file(self) -> Path:
        """The file for the configuration; the runs begin with it."""
        return self.folder / CONFIG_FILE

    @property
    def runs(self) -> list[Run]:
        return [run for parts in self.variants.values() for runs in parts.values() for run in runs]


def plan_of(
    path: Path | None,
    changes: Sequence[str],
    *,
    sizes: Sequence[int] | None,
    draws: int,
    compare: Sequence[str],
    score: str | None,
    root: Path,
) -> Plan:
    """Reads the configuration and the names of the images, and plans the trainings; see `forecast`."""
    config = load_config(path, changes, partial(filled, resume=False))
    column = column_of(config, score)
    train, val = parts_of(config, root)
    sizes = sizes_of(len(train), sizes)
    folder = root / "outputs" / f"{config.name}_forecast"
    files: dict[Path, str] = {}
    variants: dict[str, dict[int, list[Run]]] = {"": {}} | ({" ".join(compare): {}} if compare else {})
    for size in sizes:
        for draw in range(draws if size < len(train) else 1):
            order = np.random.default_rng([config.data.split_seed, draw]).permutation(len(train))
            chosen = dict.fromkeys(sorted(train[place] for place in order[:size]), "train")
            file = folder / f"split_n{size}_d{draw}.csv"
            files[file] = split_to_csv(chosen | dict.fromkeys(val, "val"))
            for label, parts in variants.items():
                name = f"{config.name}_forecast_{'b_' if label else ''}n{size}_d{draw}"
                own = [
                    *WITHOUT_SPLIT,
                    f"data.split_file={file.relative_to(root)}",
                    *longer(config, len(train) / size),
                    f"seed={config.seed + draw}",
                    *(compare if label else ()),
                    f"name={name}",
                ]
                parts.setdefault(size, []).append(Run(name, folder / CONFIG_FILE, tuple(own)))
    return Plan(folder, config, files, variants, column)


def column_of(config: Config, score: str | None) -> Column:
    """Returns the score of a forecast."""
    name = score or ("ap_50" if TASKS[config.task].instances else "iou")
    if name not in COLUMNS or not COLUMNS[name].signed:
        raise ConfigError(f"--score {name}: allowed are {', '.join(one for one in COLUMNS if COLUMNS[one].signed)}")
    return COLUMNS[name]


def parts_of(config: Config, root: Path) -> tuple[list[str], list[str]]:
    """Returns the ids of the training and of the validation part, as a training with this configuration has them."""
    rule = assemble.split_rule(config, root)
    samples = assemble.data_folder(config, root).samples
    if note := assemble.about_label_maps(config, samples):
        print(f"folder  {note}")
    ids = [sample.id for sample in samples]
    split = rule.parts_of(ids, lambda: grouping_of_data(config, root))
    return tuple([one for one in sorted(ids) if split.get(one) == part] for part in ("train", "val"))


def sizes_of(images: int, wanted: Sequence[int] | None) -> list[int]:
    """Returns the numbers of training images: those that are wanted, or 10, 20, 40, … and all."""
    if wanted is None:
        doubled = [FIRST * FACTOR**power for power in range(30)]
        return [*(size for size in doubled if size * 1.5 <= images), images]
    if wrong := [size for size in wanted if not 1 <= size <= images]:
        raise ConfigError(f"--sizes {wrong[0]}: the training part has {images} images; give numbers from 1 to {images}")
    return sorted(set(wanted))


def longer(config: Config, factor: float) -> list[str]:
    """Returns the changes with which a training on fewer images sees as many windows: more of each, or more epochs."""
    if config.data.tile is not None:
        return [f"data.crops_per_image={max(1, round(config.data.crops_per_image * factor))}"]
    return [f"train.epochs={max(1, round(config.train.epochs * factor))}"]
