"""A data folder → its classes and samples, all problems found at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.description import NAME, Description, read_description
from datasets.targets import BACKGROUND, BORDER_CLASSES, BORDER_RADIUS, Targets
from images.image_reader import ImageReader
from images.reading import EXTENSIONS
from system.errors import DataError
from system.names import fault_of, unwritable

LAYOUT = (
    "images/<id>.png and masks/<class>/<id>.png (or masks/<id>.png for a single class, or for class maps whose classes "
    "dataset.yaml names)"
)
FLAT_CLASS = "foreground"  # the name of the class whose masks lie in masks/ itself


@dataclass(frozen=True)
class Sample:
    """One image and the files of its truth.

    Attributes:
        masks: one file per class in the order of the folder's classes, where None is an empty mask; or one class map;
            or, for borders, one label map.
    """

    id: str
    image: Path
    masks: tuple[Path | None, ...]


@dataclass(frozen=True)
class DataFolder:
    """What lies in `inputs/<set>/`: how its truth is read, and samples sorted by id."""

    root: Path
    targets: Targets
    samples: tuple[Sample, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the K channels of the network."""
        return self.targets.classes


def list_folder(
    root: Path,
    *,
    task: str,
    target: str = "masks",
    mask_threshold: float | None = None,
    border_radius: float = BORDER_RADIUS,
    problems: list[str] | None = None,
) -> DataFolder:
    """Lists a data folder without opening a pixel.

    Args:
        root: `inputs/<set>/`.
        task: binary (exactly one class besides the background), multilabel or multiclass.
        target: "masks" (what lies below masks/) or "border" (made from labels/).
        mask_threshold, border_radius: see `Targets`.
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
    if target == "border":
        targets, folders = Targets(task, "border", BORDER_CLASSES, border_radius=border_radius), [root / "labels"]
    else:
        targets, folders = _targets(root, task, mask_threshold)
    masks = [_files_by_id(folder, found) for folder in folders]
    if len(masks) == 1:  # of several, an image may lack some
        lacking, kind = sorted(images.keys() - masks[0].keys()), "label map" if target == "border" else "mask"
        found += [f"{images[sample_id]}: no {kind} {folders[0] / sample_id}.*" for sample_id in lacking]
    if target != "border":  # which needs some of the label maps only
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
    return DataFolder(root, targets, samples)


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


def _targets(root: Path, task: str, mask_threshold: float | None) -> tuple[Targets, list[Path]]:
    """How the truth below masks/ is read, and the folders that it lies in."""
    folders = sorted(path.name for path in (root / "masks").glob("*") if path.is_dir() and path.name[0] != ".")
    files = image_files(root / "masks")
    if folders and files:
        raise DataError(f"{root / 'masks'}: holds class folders and also files ({files[0].name}); keep one of the two")
    if not folders and not files:
        raise DataError(f"{root / 'masks'}: no masks; expected are {LAYOUT}")
    if faults := [fault for name in folders if (fault := fault_of(name))]:
        raise DataError(f"{root / 'masks'}: the name of a class folder cannot be used: {faults[0]}; rename it")
    described = read_description(root)
    if files and described.class_map_palette is not None:
        return _class_map_targets(root, task, described), [root / "masks"]
    if described.palette is not None or described.void is not None:
        found = f"folders ({', '.join(folders)})" if folders else "files of one class"
        raise DataError(
            f"{root / NAME}: palette: and void: belong to class maps, masks/<id>.png, but masks/ holds {found}; "
            "remove the keys, or bring the class maps into masks/"
        )
    return _mask_targets(root, task, folders, described.classes, mask_threshold)


def _mask_targets(
    root: Path, task: str, folders: Sequence[str], named: tuple[str, ...] | None, mask_threshold: float | None
) -> tuple[Targets, list[Path]]:
    if named is not None and sorted(named) != folders and (folders or len(named) != 1):
        raise DataError(
            f"{root / NAME}: classes {list(named)}, but masks/ holds {folders or 'files'}; make the two agree"
        )
    classes = named or tuple(folders) or (FLAT_CLASS,)  # the file's order is the order of the channels
    if task == "binary" and len(classes) > 1:
        raise DataError(
            f"{root / 'masks'}: {len(classes)} classes ({', '.join(classes)}); set task: multilabel, or multiclass if "
            "they never overlap"
        )
    if task == "multiclass" and BACKGROUND in classes:
        raise DataError(
            f"{root / 'masks' / BACKGROUND}: in a multiclass task the background is what no mask covers; "
            "remove this folder"
        )
    channels = (BACKGROUND, *classes) if task == "multiclass" else classes
    paths = [root / "masks" / name for name in classes] if folders else [root / "masks"]
    return Targets(task, "masks", channels, mask_threshold=mask_threshold), paths


def _class_map_targets(root: Path, task: str, described: Description) -> Targets:
    classes = described.classes
    if task == "binary" and len(classes) > 2:
        raise DataError(
            f"{root / NAME}: class maps of {len(classes)} classes ({', '.join(classes)}); set task: multiclass"
        )
    channels = classes if task == "multiclass" else classes[1:]
    return Targets(task, "class map", channels, described.class_map_palette, described.void)


def read_sample(sample: Sample, reader: ImageReader, targets: Targets) -> tuple[np.ndarray, np.ndarray]:
    """Image [H, W, channels] uint8 and its truth as `targets.read` gives it, at the files' own size.

    Raises:
        DataError: a file is unreadable, or the truth's size differs from the image's.
    """
    image = reader.read(sample.image)
    truth = targets.read(sample.masks, like=sample.image, shape=image.shape[:2], max_pixels=reader.max_pixels)
    return image, truth
