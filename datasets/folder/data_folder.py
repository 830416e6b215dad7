"""Turns a data folder into the task on it and its samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.folder.listing import Listing, list_files
from datasets.folder.problems import STOP_FIRST, refusal
from datasets.folder.truth_files import TruthFiles, choose_truth, problems_for, reading_of
from images.image_reader import ImageReader
from system.collector import paused_collector
from system.errors import FileError
from tasks.task import DEFAULTS, Task, TaskOptions
from tasks.truth import Truth


@dataclass(frozen=True, slots=True)
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
    """What lies in `inputs/<set>/`: the task on it, which knows how its truth is read, and samples sorted by id.

    Attributes:
        kind: what the files of the truth are, see `TruthFiles`.
        notes: what was recognised in the folder, in sentences.
        groups: what dataset.yaml says under this key, see `datasets.folder.given_groups`.
    """

    task: Task
    samples: tuple[Sample, ...]
    kind: str
    notes: tuple[str, ...] = ()
    groups: object = None


@paused_collector()
def list_folder(
    root: Path,
    task_type: type[Task],
    options: TaskOptions = DEFAULTS,
    *,
    problems: list[FileError] | None = None,
) -> DataFolder:
    """Lists a data folder. It opens no pixel but those of a few files of the truth, to recognise what they are.

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
    reads, threshold = task_type.reads, options.mask_threshold
    chosen = choose_truth(listing, reads, truth=options.truth, mask_threshold=threshold)
    found = problems_for(listing, chosen)
    if first := [one for one in found if one.kind in STOP_FIRST]:  # others may follow from these
        raise refusal(root, [one.as_error(root) for one in first])
    truth = reading_of(chosen, listing, reads, mask_threshold=threshold)
    task = task_type.for_truth(truth, options)
    errors = [one.as_error(root) for one in found]
    if problems is not None:
        problems += errors
    elif errors:
        raise refusal(root, errors)
    notes = [*listing.notes, *filter(None, [chosen.note]), *_about_ignored(listing, chosen.folder)]
    return DataFolder(task, _samples(listing, chosen), chosen.kind, tuple(notes), listing.description.groups)


def _about_ignored(listing: Listing, folder: str) -> list[str]:
    """A sentence about files that a training on this folder of truth passes over; none if there are no such files."""
    files = [one.files[0] for one in listing.problems if one.kind == "ignored file" and one.truth in (None, folder)]
    some = ", ".join(files[:3]) + (", …" if len(files) > 3 else "")
    return [f"not read: {some} ({len(files)} in all; python -m datasets.check says why)"] if files else []


def _samples(listing: Listing, chosen: TruthFiles) -> tuple[Sample, ...]:
    path = lambda file: None if file is None else listing.root / file
    files, maps = list(chosen.files.values()), listing.labels
    if chosen.kind == "classes":
        files = files[:1]
    elif chosen.kind == "labels" and len(files) == 1:
        (maps,) = files
    return tuple(
        Sample(i, listing.root / image, tuple(path(of.get(i)) for of in files), path(maps.get(i)))
        for i, image in listing.images.items()
    )


def read_sample(
    sample: Sample, reader: ImageReader, truth: Truth, *, open_image: Callable[[Path], np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Reads an image [H, W, channels] uint8, and its truth as `truth.read` gives it, at the files' own size.

    Args:
        open_image: stands for `reader.open`, where an image may be decoded already.

    Raises:
        FileError: a file cannot be used, or the truth's size differs from the image's.
    """
    image = reader.convert((open_image or reader.open)(sample.image))
    pixels = truth.read(sample.truth, like=sample.image, shape=image.shape[:2], max_pixels=reader.max_pixels)
    return image, pixels
