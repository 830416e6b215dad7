"""A data folder → the two parts of a training, after every sample has been read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.folder.data_folder import list_folder
from datasets.folder.problems import no_foreground, refusal
from datasets.samples import Samples
from datasets.split import SPLITS, random_split, read_split, select
from datasets.threads import in_threads
from images.choosing import choose_reader
from images.image_reader import CONVERTIBLE, ImageReader
from images.normalise import IMAGENET, IMAGENET_GREY, Normalisation, measure
from images.reading import MAX_PIXELS
from system.errors import ConfigError, FileError
from tasks.task import DEFAULTS, Task, TaskOptions


@dataclass(frozen=True)
class TrainingData:
    """What a training reads.

    Attributes:
        task: what the channels mean, and how the truth is read.
        split: id → "train" or "val".
        train, val: the samples of each part.
        reader: how images become uint8 of the run's channels.
        normalise: applied to every image, in training, validation and prediction.
        pixels: "train" and "val" → pixels of each class, [K] int64, as the network sees the images.
        description: what was found, in a line.
        notes: what was recognised in the data folder, in sentences.
    """

    task: Task
    split: Mapping[str, str]
    train: Samples
    val: Samples
    reader: ImageReader
    normalise: Normalisation
    pixels: Mapping[str, np.ndarray]
    description: str
    notes: tuple[str, ...] = ()


def load_training_data(
    root: Path,
    task_type: type[Task],
    options: TaskOptions = DEFAULTS,
    *,
    size: tuple[int, int] | None,
    normalise: str,
    val_fraction: float,
    split_seed: int,
    split_file: Path | None = None,
    channels: int | str | Sequence[int | str] = "auto",
    plane: str | None = None,
    intensity: str = "native",
    max_pixels: int = MAX_PIXELS,
) -> TrainingData:
    """Lists, splits and reads a data folder.

    Args:
        root: `inputs/<set>/`.
        task_type, options: decide which truth is read, and how.
        size: (height, width) in pixels that samples are resized to, or None to keep theirs.
        normalise: "dataset" (mean and std of the training images as the network sees them) or "imagenet".
        val_fraction, split_seed: of the random split, unless `split_file` names the parts.
        channels, plane, intensity, max_pixels: see `choose_reader`.

    Raises:
        ConfigError: `normalise` is "imagenet" and the images have other numbers of channels than 1 and 3.
        DataError: the folder, its split or any of its files cannot be used.
    """
    problems: list[FileError] = []
    folder = list_folder(root, task_type, options, problems=problems)
    ids = [sample.id for sample in folder.samples]
    if split_file is not None:
        split = read_split(split_file, ids)
    else:
        split = random_split(ids, val_fraction=val_fraction, seed=split_seed)
    images = [sample.image for sample in select(folder.samples, split, "train")]
    reader = choose_reader(images, channels=channels, plane=plane, intensity=intensity, max_pixels=max_pixels)
    if normalise == "imagenet" and reader.channels not in CONVERTIBLE:
        problem = f"data.normalise: imagenet has statistics of 1 or 3 channels, and the images have {reader.channels}"
        raise ConfigError(f"{problem}; set data.normalise: dataset")
    train, val = (Samples(select(folder.samples, split, part), reader, folder.task, size=size) for part in SPLITS)
    counts = _read_all([train, val], root=root, problems=problems)
    if not counts[: len(train), :-1][:, folder.task.drawn].any():
        part = f"the {len(train)} images of the training part"
        raise no_foreground(folder.kind, part, options.mask_threshold).as_error(root)
    return TrainingData(
        task=folder.task,
        split=split,
        train=train,
        val=val,
        reader=reader,
        normalise=_normalisation(normalise, train),
        pixels={"train": counts[: len(train), :-1].sum(0), "val": counts[len(train) :, :-1].sum(0)},
        description=_describe(folder.task, counts, train, val),
        notes=folder.notes,
    )


def _normalisation(name: str, train: Samples) -> Normalisation:
    if name == "imagenet":
        return IMAGENET if train.reader.channels == 3 else IMAGENET_GREY
    return measure(train[i][0] for i in range(len(train)))


def _read_all(parts: Sequence[Samples], *, root: Path, problems: list[FileError]) -> np.ndarray:
    """Reads every sample.

    Args:
        parts: samples of the data folder `root`.
        problems: those known before; one error lists them with those that are found here.

    Returns:
        [images, K + 1] int64, see `Task.pixel_counts`, in the order of the parts.
    """

    def read(item: tuple[Samples, int]) -> np.ndarray | None:
        part, index = item
        try:
            return part.task.pixel_counts(part[index][1])
        except FileError as error:
            problems.append(error)

    counts = in_threads(read, [(part, index) for part in parts for index in range(len(part))], "read")
    if problems:
        raise refusal(root, problems)
    return np.stack(counts)


def _describe(task: Task, counts: np.ndarray, *parts: Samples) -> str:
    sizes = [size for part in parts for size in part.image_sizes.values()]
    smallest, largest = ("×".join(map(str, size)) for size in (min(sizes), max(sizes)))
    shares = (counts[:, :-1] / counts[:, -1:].clip(min=1)).mean(axis=0)
    found = ", ".join(f"{name} {share:.1%}" for name, share in zip(task.classes, shares, strict=True))
    reader = parts[0].reader
    kind = "RGB" if reader.is_rgb else "grey" if reader.channels == 1 else f"{reader.channels} channels"
    range_of_sizes = smallest if smallest == largest else f"{smallest} to {largest}"
    what = "classes" if task.background else "foreground"
    unkept = len(sizes) - sum(part.in_memory for part in parts)
    again = f"; {unkept} do not fit into memory and are read again in every epoch" if unkept else ""
    return f"{len(sizes)} images, read as {kind}, {range_of_sizes} pixels; {what}: {found}{again}"
