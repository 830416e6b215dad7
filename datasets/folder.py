"""A data folder → the task on it and its samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.description import NAME
from datasets.listing import Listing, list_files, without_partner
from datasets.problems import refusal
from images.image_reader import ImageReader
from system.errors import FileError
from tasks.task import DEFAULTS, Task, TaskOptions
from tasks.truth import ClassMaps, LabelMaps, MaskFiles, Truth

CELL = "cell"  # the class of label maps, unless a single folder of masks beside them names it


@dataclass(frozen=True)
class Sample:
    """One image and the files of its truth.

    Attributes:
        truth: one file per class in the order of the folder's classes, where None is an empty mask; or one class map;
            or one label map.
        labels: the label map of the image, if the folder has one, whatever the task reads.
    """

    id: str
    image: Path
    truth: tuple[Path | None, ...]
    labels: Path | None = None


@dataclass(frozen=True)
class DataFolder:
    """What lies in `inputs/<set>/`: the task on it, which knows how its truth is read, and samples sorted by id."""

    task: Task
    samples: tuple[Sample, ...]


def list_folder(
    root: Path,
    task_type: type[Task],
    options: TaskOptions = DEFAULTS,
    *,
    problems: list[FileError] | None = None,
) -> DataFolder:
    """Lists a data folder without opening a pixel.

    Args:
        root: `inputs/<set>/`.
        task_type, options: decide which truth is read, and how.
        problems: the problems of single files are added here; without it they are raised.

    Raises:
        DataError: there is no such folder, its layout or its classes cannot be used, or the classes do not fit the
            task; or single files cannot be used, such as images without a mask. Problems of files that the task does
            not read are passed over.
    """
    listing = list_files(root)
    found = [one for one in listing.problems if one.stops(task_type.reads)]
    if task_type.reads == "labels":
        found += without_partner(listing.images, listing.labels, "label map labels", truth="labels")
    if first := [one for one in found if one.kind in ("layout", "classes", "name")]:  # others may follow from these
        raise refusal(root, [one.as_error(root) for one in first])
    truth, files = _truth(listing, task_type, options)
    task = task_type.for_truth(truth, options)
    errors = [one.as_error(root) for one in found]
    if problems is not None:
        problems += errors
    elif errors:
        raise refusal(root, errors)
    path = lambda file: None if file is None else root / file
    samples = [
        Sample(i, root / image, tuple(path(of.get(i)) for of in files), path(listing.labels.get(i)))
        for i, image in listing.images.items()
    ]
    return DataFolder(task, tuple(samples))


def _truth(listing: Listing, task_type: type[Task], options: TaskOptions) -> tuple[Truth, list[Mapping[str, str]]]:
    """How the truth of the folder is read, and id → file for each of its channels."""
    root, described = listing.root, listing.description
    if task_type.reads == "labels":
        classes = tuple(listing.masks) if len(listing.masks) == 1 else (CELL,)
        return LabelMaps(root / "labels", classes), [listing.labels]
    if listing.class_maps:
        maps = ClassMaps(root / NAME, described.classes, described.class_map_palette, described.void)
        return maps, list(listing.masks.values())[:1]
    return MaskFiles(root / "masks", tuple(listing.masks), options.mask_threshold), list(listing.masks.values())


def read_sample(sample: Sample, reader: ImageReader, truth: Truth) -> tuple[np.ndarray, np.ndarray]:
    """Image [H, W, channels] uint8 and its truth as `truth.read` gives it, at the files' own size.

    Raises:
        FileError: a file cannot be used, or the truth's size differs from the image's.
    """
    image = reader.read(sample.image)
    pixels = truth.read(sample.truth, like=sample.image, shape=image.shape[:2], max_pixels=reader.max_pixels)
    return image, pixels
