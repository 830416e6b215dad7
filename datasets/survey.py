"""A data folder → the two parts of a training, after every file has been decoded once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from datasets.earlier_start import EarlierStart
from datasets.folder.problems import no_foreground, refusal
from datasets.listed_data import ListedData, list_data
from datasets.sample_memory import OpenedImages, SampleMemory
from datasets.samples import Samples
from images.choosing import choose_reader
from images.image_reader import CONVERTIBLE, ImageReader
from images.normalise import IMAGENET, IMAGENET_GREY, Normalisation, channel_sums, normalisation_of
from images.reading import MAX_PIXELS
from images.statistics.table import ImageTable
from system.errors import ConfigError, DataError, FileError
from system.threads import in_threads
from tasks.task import DEFAULTS, Task, TaskOptions


@dataclass(frozen=True)
class TrainingData:
    """What a training reads.

    Attributes:
        task: what the channels mean, and how the truth is read.
        split: id → "train" or "val".
        train, val: the samples of each part.
        found: what this start, or the first start of the run, found out about them.
        notes: what was recognised in the data folder, in sentences.
    """

    task: Task
    split: Mapping[str, str]
    train: Samples
    val: Samples
    found: EarlierStart
    notes: tuple[str, ...] = ()

    @property
    def reader(self) -> ImageReader:
        """How images become uint8 of the run's channels."""
        return self.found.reader

    @property
    def normalise(self) -> Normalisation:
        """Applied to every image, in training, validation and prediction."""
        return self.found.normalise

    @property
    def pixels(self) -> Mapping[str, np.ndarray]:
        """ "train" and "val" → pixels of each class, [K] int64, as the network sees the images."""
        return self.found.pixels

    @property
    def description(self) -> str:
        """What was found, in a line; and how many samples have no place in memory."""
        parts = self.train, self.val
        unkept = sum(map(len, parts)) - sum(part.in_memory for part in parts)
        if not unkept:
            return self.found.description
        store = self.train.store
        again = "are read again in every epoch" if store is None else f"are kept in {store.folder}"
        return f"{self.found.description}; {unkept} do not fit into memory and {again}"


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
    cache: Path | None = None,
    earlier: EarlierStart | None = None,
) -> TrainingData:
    """Lists, splits and reads a data folder.

    Args:
        root: `inputs/<set>/`.
        task_type, options: decide which truth is read, and how.
        size: (height, width) in pixels that samples are resized to, or None to keep theirs.
        normalise: "dataset" (mean and std of the training images as the network sees them) or "imagenet".
        val_fraction, split_seed: of the random split, unless `split_file` names the parts.
        channels, plane, intensity, max_pixels: see `choose_reader`.
        cache: the folder for decoded samples that do not fit into memory; None for none.
        earlier: what the first start of this run found out. If the data are the same, no file is decoded here.

    Raises:
        ConfigError: `normalise` is "imagenet" and the images have other numbers of channels than 1 and 3.
        DataError: the folder, its split or any of its files cannot be used.
    """
    listing = partial(
        list_data, root, task_type, split_file=split_file, val_fraction=val_fraction, split_seed=split_seed
    )
    memory = SampleMemory()
    if earlier is not None:
        listed = listing(replace(options, truth=earlier.kind))  # so no file is looked at to recognise the truth
        if listed.is_data_of(earlier):
            train, val = listed.parts(earlier.reader, size=size, memory=memory, cache=cache)
            train.expect(earlier.sizes["train"], earlier.target_channels)
            val.expect(earlier.sizes["val"], earlier.target_channels)
            return TrainingData(listed.folder.task, listed.split, train, val, earlier)
    listed, opened = listing(options), OpenedImages(memory)
    reader = choose_reader(
        [sample.image for sample in listed.samples("train")],
        channels=channels,
        plane=plane,
        intensity=intensity,
        max_pixels=max_pixels,
        open_image=opened.open,
    )
    if normalise == "imagenet" and reader.channels not in CONVERTIBLE:
        problem = f"data.normalise: imagenet has statistics of 1 or 3 channels, and the images have {reader.channels}"
        raise ConfigError(f"{problem}; set data.normalise: dataset")
    train, val = listed.parts(reader, size=size, memory=memory, cache=cache, opened=opened, measure=True)
    found = _read_all(listed, train, val, normalise=normalise, threshold=options.mask_threshold)
    return TrainingData(listed.folder.task, listed.split, train, val, found, listed.folder.notes)


def _read_all(
    listed: ListedData, train: Samples, val: Samples, *, normalise: str, threshold: float | None
) -> EarlierStart:
    """Reads every sample once, and finds out all that a training asks of them.

    Args:
        normalise: see `load_training_data`.
        threshold: where soft masks are cut, for a message.

    Raises:
        DataError: there are problems, those of the listing among them; or the training part has no foreground.
    """
    task, problems = train.task, list(listed.problems)

    def read(item: tuple[Samples, int]) -> tuple[np.ndarray, np.ndarray | int] | None:
        part, index = item
        try:
            image, target = part[index]
        except FileError as error:
            problems.append(error)
            return None
        return task.pixel_counts(target), channel_sums(image) if part is train and normalise == "dataset" else 0

    found = in_threads(read, [(part, index) for part in (train, val) for index in range(len(part))], "read")
    if problems:
        raise refusal(listed.root, problems)
    counts = np.stack([one[0] for one in found])
    if not counts[: len(train), :-1][:, task.drawn].any():
        part = f"the {len(train)} images of the training part"
        raise no_foreground(listed.folder.kind, part, threshold).as_error(listed.root)
    if normalise == "dataset":
        normalisation = normalisation_of(sum(one[1] for one in found))
    else:
        normalisation = IMAGENET if train.reader.channels == 3 else IMAGENET_GREY
    return EarlierStart(
        digest=listed.digest(),
        kind=listed.folder.kind,
        reader=train.reader,
        normalise=normalisation,
        sizes={"train": _sizes(train), "val": _sizes(val)},
        target_channels=train.target_channels,
        pixels={"train": counts[: len(train), :-1].sum(0), "val": counts[len(train) :, :-1].sum(0)},
        description=_describe(task, counts, train, val),
        statistics=ImageTable.of_rows(train.take_statistics()),
    )


def measured_again(
    root: Path,
    task_type: type[Task],
    options: TaskOptions,
    earlier: EarlierStart,
    *,
    size: tuple[int, int] | None,
    split_file: Path,
) -> ImageTable:
    """Reads the training images of a run once more, and returns their statistics.

    Args:
        root, task_type, options, size: see `load_training_data`.
        earlier: what the run found out about its data when it began.
        split_file: the run's split.csv.

    Raises:
        DataError: the data are not those of the run, or a file cannot be used.
    """
    listed = list_data(
        root, task_type, replace(options, truth=earlier.kind), split_file=split_file, val_fraction=0.0, split_seed=0
    )
    if not listed.is_data_of(earlier):
        raise DataError(
            f"{root}: names, sizes or the split of its files differ from those that the run was trained with, so that "
            "their statistics would be those of other images; put the files back"
        )
    train, _ = listed.parts(earlier.reader, size=size, memory=SampleMemory(0), measure=True)
    in_threads(train.__getitem__, sorted(train.measured), "read")
    return ImageTable.of_rows(train.take_statistics())


def _sizes(part: Samples) -> np.ndarray:
    """(height, width) of each image in its file, [samples, 2] int32."""
    return np.array([part.image_sizes[index] for index in range(len(part))], np.int32)


def _describe(task: Task, counts: np.ndarray, *parts: Samples) -> str:
    sizes = [size for part in parts for size in part.image_sizes.values()]
    smallest, largest = ("×".join(map(str, size)) for size in (min(sizes), max(sizes)))
    shares = (counts[:, :-1] / counts[:, -1:].clip(min=1)).mean(axis=0)
    found = ", ".join(f"{name} {share:.1%}" for name, share in zip(task.classes, shares, strict=True))
    reader = parts[0].reader
    kind = "RGB" if reader.is_rgb else "grey" if reader.channels == 1 else f"{reader.channels} channels"
    range_of_sizes = smallest if smallest == largest else f"{smallest} to {largest}"
    what = "classes" if task.background else "foreground"
    return f"{len(sizes)} images, read as {kind}, {range_of_sizes} pixels; {what}: {found}"
