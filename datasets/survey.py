"""A data folder → the two parts of a training, after every file has been decoded once."""

from __future__ import annotations

from collections import Counter
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
from datasets.split import ALLOWED, SplitRule
from images.choosing import choose_reader, reader_for
from images.image_reader import CONVERTIBLE, ImageReader
from images.normalise import IMAGENET, IMAGENET_GREY, Normalisation, channel_sums, normalisation_of
from images.reading import MAX_PIXELS
from images.statistics.table import ImageTable
from system.errors import ConfigError, FileError
from system.threads import in_threads
from tasks.task import DEFAULTS, Task, TaskOptions


@dataclass(frozen=True)
class TrainingData:
    """What a training reads.

    Attributes:
        task: what the channels mean, and how the truth is read.
        split: id → "train", "val" or "test".
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
    def sizes_of_parts(self) -> str:
        """How many images each part has, such as "531 train, 133 val"."""
        counts = Counter(self.split.values())
        return ", ".join(f"{counts[part]} {part}" for part in ALLOWED if counts[part])

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
    rule: SplitRule,
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
        rule: how the images are split. Nothing of a test part is read, but for its images by a grouped split.
        channels, plane, intensity, max_pixels: see `choose_reader`.
        cache: the folder for decoded samples that do not fit into memory; None for none.
        earlier: what the first start of this run found out. If the data are the same, no file is decoded here.

    Raises:
        ConfigError: `normalise` is "imagenet" and the images have other numbers of channels than 1 and 3.
        DataError: the folder, its split or any of its files cannot be used.
    """
    memory = SampleMemory()
    opened = OpenedImages(memory)
    open_image = partial(opened.open, reader_for(channels, plane=plane, max_pixels=max_pixels))
    listing = partial(list_data, root, task_type, rule=rule, open_image=open_image)
    if earlier is not None:
        listed = listing(replace(options, truth=earlier.kind), known=earlier.split)  # so no file is looked at
        if listed.is_data_of(earlier):
            return _as_before(listed, earlier, size=size, memory=memory, cache=cache)
    listed = listing(options)
    reader = choose_reader(
        [sample.image for sample in listed.samples("train")],
        channels=channels,
        plane=plane,
        intensity=intensity,
        max_pixels=max_pixels,
        open_image=opened.open,
    )
    _require_statistics(normalise, reader)
    train, val = listed.parts(reader, size=size, memory=memory, cache=cache, opened=opened, measure=True)
    found = _read_all(listed, train, val, normalise=normalise, threshold=options.mask_threshold)
    return TrainingData(listed.folder.task, listed.split, train, val, found, listed.notes)


def _require_statistics(normalise: str, reader: ImageReader) -> None:
    if normalise == "imagenet" and reader.channels not in CONVERTIBLE:
        problem = f"data.normalise: imagenet has statistics of 1 or 3 channels, and the images have {reader.channels}"
        raise ConfigError(f"{problem}; set data.normalise: dataset")


def _as_before(
    listed: ListedData, earlier: EarlierStart, *, size: tuple[int, int] | None, memory: SampleMemory, cache: Path | None
) -> TrainingData:
    """Returns the data of an earlier start; their samples are decoded when they are needed."""
    train, val = listed.parts(earlier.reader, size=size, memory=memory, cache=cache)
    train.expect(earlier.sizes["train"], earlier.target_channels)
    val.expect(earlier.sizes["val"], earlier.target_channels)
    return TrainingData(listed.folder.task, listed.split, train, val, earlier)


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
        split=None if listed.grouping is None else listed.split,
        statistics=ImageTable.of_rows(train.take_statistics()),
    )


def _sizes(part: Samples) -> np.ndarray:
    """(height, width) of each image in its file, [samples, 2] int32."""
    return np.array([part.image_sizes[index] for index in range(len(part))], np.int32)


def _describe(task: Task, counts: np.ndarray, *parts: Samples) -> str:
    sizes = [size for part in parts for size in part.image_sizes.values()]
    smallest, largest = ("×".join(map(str, size)) for size in (min(sizes), max(sizes)))
    pooled = counts.sum(axis=0)  # a large image counts more than a small one, as in the weights of classes
    shares = pooled[:-1] / max(1, pooled[-1])
    found = ", ".join(f"{name} {share:.1%}" for name, share in zip(task.classes, shares, strict=True))
    reader = parts[0].reader
    kind = "RGB" if reader.is_rgb else "grey" if reader.channels == 1 else f"{reader.channels} channels"
    range_of_sizes = smallest if smallest == largest else f"{smallest} to {largest}"
    what = "classes" if task.background else "foreground"
    return f"{len(sizes)} images, read as {kind}, {range_of_sizes} pixels; {what}: {found} of all pixels"
