"""A data folder → the two parts of a training, every sample read once and found usable."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from datasets.folder import list_folder, listed
from datasets.normalise import IMAGENET, Normalisation, measure
from datasets.samples import ResizedSamples
from datasets.split import random_split, read_split, select
from engine.errors import DataError


@dataclass(frozen=True)
class TrainingData:
    """What a training reads.

    Attributes:
        classes: names of the K mask channels.
        split: id → "train" or "val".
        train, val: the samples of each part, at network size.
        normalise: applied to every image, in training, validation and prediction.
        description: what was found, in a line.
    """

    classes: tuple[str, ...]
    split: Mapping[str, str]
    train: ResizedSamples
    val: ResizedSamples
    normalise: Normalisation
    description: str


def load_training_data(
    root: Path,
    *,
    task: str,
    size: tuple[int, int],
    normalise: str,
    val_fraction: float,
    split_seed: int,
    split_file: Path | None = None,
) -> TrainingData:
    """Lists, splits and reads a data folder.

    Args:
        root: `inputs/<set>/`.
        task: binary or multilabel.
        size: (height, width) in pixels that samples are resized to.
        normalise: "dataset" (mean and std of the training images at that size) or "imagenet".
        val_fraction, split_seed: of the random split, unless `split_file` names the parts.

    Raises:
        DataError: the folder, its split or any of its files cannot be used.
    """
    folder = list_folder(root, task=task)
    ids = [sample.id for sample in folder.samples]
    if split_file is not None:
        split = read_split(split_file, ids)
    else:
        split = random_split(ids, val_fraction=val_fraction, seed=split_seed)
    train, val = (ResizedSamples(select(folder.samples, split, part), size) for part in ("train", "val"))
    _read_all(train, val)
    images = (train[i][0] for i in range(len(train)))
    return TrainingData(
        classes=folder.classes,
        split=split,
        train=train,
        val=val,
        normalise=measure(images) if normalise == "dataset" else IMAGENET,
        description=_describe(folder.classes, train, val),
    )


def _read_all(*parts: ResizedSamples) -> None:
    """Reads every sample, with several threads and a progress bar on a terminal; all problems in one DataError."""
    problems = []

    def read(item: tuple[ResizedSamples, int]) -> None:
        part, index = item
        try:
            part[index]
        except DataError as error:
            problems.append(str(error))

    items = [(part, index) for part in parts for index in range(len(part))]
    with ThreadPoolExecutor() as pool:
        for _ in tqdm(pool.map(read, items), "read", len(items), leave=False, disable=None):
            pass
    if problems:
        raise DataError(listed(sorted(problems), "mend or remove these files"))


def _describe(classes: tuple[str, ...], *parts: ResizedSamples) -> str:
    pairs = [part[i] for part in parts for i in range(len(part))]
    sizes = [size for part in parts for size in part.image_sizes.values()]
    smallest, largest = ("×".join(map(str, size)) for size in (min(sizes), max(sizes)))
    shares = np.mean([masks.mean(axis=(0, 1)) for _, masks in pairs], axis=0)
    found = ", ".join(f"{name} {share:.1%}" for name, share in zip(classes, shares, strict=True))
    range_of_sizes = smallest if smallest == largest else f"{smallest} to {largest}"
    return f"{len(pairs)} RGB images, {range_of_sizes} pixels; foreground: {found}"
