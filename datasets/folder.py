"""A data folder → its classes and samples, all problems found at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.description import NAME as DESCRIPTION
from datasets.description import read_description
from datasets.image_reader import ImageReader
from datasets.names import fault_of, unwritable
from datasets.reading import EXTENSIONS, read_mask
from engine.errors import DataError

LAYOUT = "images/<id>.png and masks/<class>/<id>.png (or masks/<id>.png for a single class)"
FLAT_CLASS = "foreground"  # the name of the class whose masks lie in masks/ itself


@dataclass(frozen=True)
class Sample:
    """One image and its masks, one file per class in the order of the folder's classes; None is an empty mask."""

    id: str
    image: Path
    masks: tuple[Path | None, ...]


@dataclass(frozen=True)
class DataFolder:
    """What lies in `inputs/<set>/`: class names, and samples sorted by id."""

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]


def list_folder(root: Path, *, task: str, problems: list[str] | None = None) -> DataFolder:
    """Lists a data folder without opening a pixel.

    Args:
        root: `inputs/<set>/`.
        task: binary (exactly one class) or multilabel.
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
    classes = _classes(root)
    if task == "binary" and len(classes) > 1:
        raise DataError(f"{root / 'masks'}: {len(classes)} classes ({', '.join(classes)}); set task: multilabel")
    folders = [_class_folder(root, name) for name in classes]
    masks = [_files_by_id(folder, found) for folder in folders]
    if len(classes) == 1:  # of several, an image may lack some
        lacking = sorted(images.keys() - masks[0].keys())
        found += [f"{images[sample_id]}: no mask {folders[0] / sample_id}.*" for sample_id in lacking]
    if found and problems is None:
        raise DataError(listed(found, "each image needs a mask of the same stem"))
    if problems is not None:
        problems += found
    samples = tuple(Sample(i, images[i], tuple(files.get(i) for files in masks)) for i in sorted(images))
    return DataFolder(root, classes, samples)


def _class_folder(root: Path, name: str) -> Path:
    """Where the masks of a class lie: `masks/<class>/`, or `masks/` itself for a single class without a folder."""
    folder = root / "masks" / name
    return folder if folder.is_dir() else root / "masks"


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


def _classes(root: Path) -> tuple[str, ...]:
    folders = sorted(path.name for path in (root / "masks").glob("*") if path.is_dir() and path.name[0] != ".")
    files = [path for path in (root / "masks").glob("*") if path.suffix.lower() in EXTENSIONS]
    if folders and files:
        raise DataError(f"{root / 'masks'}: holds class folders and also files ({files[0].name}); keep one of the two")
    if not folders and not files:
        raise DataError(f"{root / 'masks'}: no masks; expected are {LAYOUT}")
    if faults := [fault for name in folders if (fault := fault_of(name))]:
        raise DataError(f"{root / 'masks'}: the name of a class folder cannot be used: {faults[0]}; rename it")
    named = read_description(root).get("classes")
    if named is None:
        return tuple(folders) or (FLAT_CLASS,)
    if sorted(named) != folders and (folders or len(named) != 1):
        found = folders or "files"
        raise DataError(f"{root / DESCRIPTION}: classes {named}, but masks/ holds {found}; make the two agree")
    return tuple(named)  # the file's order is the order of the channels


def read_sample(
    sample: Sample, reader: ImageReader, *, mask_threshold: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Image [H, W, channels] uint8 and masks [H, W, K] uint8 {0, 1}, at the files' own size.

    Args:
        reader: the run's way of reading images.
        mask_threshold: for soft masks, in units of their full range.

    Raises:
        DataError: a file is unreadable, or a mask's size differs from its image's.
    """
    image = reader.read(sample.image)
    masks = np.zeros((*image.shape[:2], len(sample.masks)), np.uint8)
    for k, path in enumerate(sample.masks):
        if path is None:
            continue
        mask = read_mask(path, threshold=mask_threshold, max_pixels=reader.max_pixels)
        if mask.shape != image.shape[:2]:
            raise DataError(
                f"{path}: {_size(mask)} pixels, but {sample.image} has {_size(image)}; make both the same size"
            )
        masks[..., k] = mask
    return image, masks


def _size(array: np.ndarray) -> str:
    return f"{array.shape[0]}×{array.shape[1]}"
