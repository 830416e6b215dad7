"""A data folder → its classes and samples, all problems found at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.description import NAME, read_description
from images.image_reader import ImageReader
from images.reading import EXTENSIONS
from system.errors import DataError
from system.names import fault_of, unwritable
from tasks.task import DEFAULTS, Task, TaskOptions
from tasks.truth import ClassMaps, LabelMaps, MaskFiles, Truth

LAYOUT = (
    "images/<id>.png and masks/<class>/<id>.png (or masks/<id>.png for a single class, or for class maps whose classes "
    "dataset.yaml names)"
)
FLAT_CLASS = "foreground"  # the name of the class whose masks lie in masks/ itself


@dataclass(frozen=True)
class Sample:
    """One image and the files of its truth.

    Attributes:
        truth: one file per class in the order of the folder's classes, where None is an empty mask; or one class map;
            or one label map.
    """

    id: str
    image: Path
    truth: tuple[Path | None, ...]


@dataclass(frozen=True)
class DataFolder:
    """What lies in `inputs/<set>/`: the task on it, which knows how its truth is read, and samples sorted by id."""

    root: Path
    task: Task
    samples: tuple[Sample, ...]


def list_folder(
    root: Path,
    task_type: type[Task],
    options: TaskOptions = DEFAULTS,
    *,
    problems: list[str] | None = None,
) -> DataFolder:
    """Lists a data folder without opening a pixel.

    Args:
        root: `inputs/<set>/`.
        task_type, options: decide which truth is read, and how.
        problems: where the problems of single files are added; without it they are raised.

    Raises:
        DataError: no such folder, no images or masks, classes that do not fit the task; or, all of these at once,
            images without a mask, files of one stem and names that cannot be written down.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected are {LAYOUT} in it (data.root names it)")
    found: list[str] = []
    images = _files_by_id(root / "images", found)
    if not images:
        raise DataError(f"{root / 'images'}: no images ({', '.join(EXTENSIONS)}); expected are {LAYOUT}")
    truth, folders = _truth(root, task_type, options)
    task = task_type.for_truth(truth, options)
    masks = [_files_by_id(folder, found) for folder in folders]
    labelled = task.reads == "labels"
    if len(masks) == 1:  # of several, an image may lack some
        lacking, kind = sorted(images.keys() - masks[0].keys()), "label map" if labelled else "mask"
        found += [f"{images[sample_id]}: no {kind} {folders[0] / sample_id}.*" for sample_id in lacking]
    if not labelled:  # label maps of images that are not there do no harm
        found += [
            f"{files[i]}: no image {root / 'images' / i}.*; add the image, or remove the mask"
            for files in masks
            for i in sorted(files.keys() - images.keys())
        ]
    if found and problems is None:
        raise DataError(listed(found, "each image needs a mask (or label map) of the same stem"))
    if problems is not None:
        problems += found
    samples = tuple(Sample(i, images[i], tuple(files.get(i) for files in masks)) for i in sorted(images))
    return DataFolder(root, task, samples)


def listed(problems: Sequence[str], advice: str, most: int = 10) -> str:
    """Several problems as one message: the first `most` of them, how many more, and what to do."""
    more = [f"… and {len(problems) - most} more"] if len(problems) > most else []
    return "\n  ".join([f"{len(problems)} problem{'s' * (len(problems) > 1)}; {advice}", *problems[:most], *more])


def image_files(folder: Path) -> list[Path]:
    """The files of `folder` that are read as images, by their extension, sorted; hidden ones are passed over."""
    return [path for path in sorted(folder.glob("*")) if path.suffix.lower() in EXTENSIONS and path.name[0] != "."]


def _files_by_id(folder: Path, problems: list[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in image_files(folder):
        if path.stem in files:
            problems.append(f"{path}: same stem as {files[path.stem].name}; rename or remove one")
        if unwritable(path.stem):
            problems.append(f"{str(path)!r}: a name of characters that cannot be shown; rename it")
        files[path.stem] = path
    return files


def _truth(root: Path, task_type: type[Task], options: TaskOptions) -> tuple[Truth, list[Path]]:
    """How the truth of the folder is read, and the folders that its files lie in."""
    if task_type.reads == "labels":
        return LabelMaps(root / "labels"), [root / "labels"]
    masks = root / "masks"
    folders = sorted(path.name for path in masks.glob("*") if path.is_dir() and path.name[0] != ".")
    files = image_files(masks)
    if folders and files:
        raise DataError(f"{masks}: holds class folders and also files ({files[0].name}); keep one of the two")
    if not folders and not files:
        raise DataError(f"{masks}: no masks; expected are {LAYOUT}")
    if faults := [fault for name in folders if (fault := fault_of(name))]:
        raise DataError(f"{masks}: the name of a class folder cannot be used: {faults[0]}; rename it")
    described = read_description(root)
    if files and described.class_map_palette is not None:
        return ClassMaps(root / NAME, described.classes, described.class_map_palette, described.void), [masks]
    if described.palette is not None or described.void is not None:
        found = f"folders ({', '.join(folders)})" if folders else "files of one class"
        raise DataError(
            f"{root / NAME}: palette: and void: belong to class maps, masks/<id>.png, but masks/ holds {found}; "
            "remove the keys, or bring the class maps into masks/"
        )
    named = described.classes
    if named is not None and sorted(named) != folders and (folders or len(named) != 1):
        raise DataError(
            f"{root / NAME}: classes {list(named)}, but masks/ holds {folders or 'files'}; make the two agree"
        )
    classes = named or tuple(folders) or (FLAT_CLASS,)  # the file's order is the order of the channels
    paths = [masks / name for name in classes] if folders else [masks]
    return MaskFiles(masks, classes, options.mask_threshold), paths


def read_sample(sample: Sample, reader: ImageReader, truth: Truth) -> tuple[np.ndarray, np.ndarray]:
    """Image [H, W, channels] uint8 and its truth as `truth.read` gives it, at the files' own size.

    Raises:
        DataError: a file is unreadable, or the truth's size differs from the image's.
    """
    image = reader.read(sample.image)
    pixels = truth.read(sample.truth, like=sample.image, shape=image.shape[:2], max_pixels=reader.max_pixels)
    return image, pixels
