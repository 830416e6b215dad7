"""A data folder → its classes and samples, all problems found at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from datasets.intensity import to_channels, to_uint8
from datasets.reading import EXTENSIONS, read_image, read_mask
from engine.errors import DataError

LAYOUT = "images/<id>.png and masks/<class>/<id>.png"


@dataclass(frozen=True)
class Sample:
    """One image and its masks, one file per class in the order of the folder's classes."""

    id: str
    image: Path
    masks: tuple[Path, ...]


@dataclass(frozen=True)
class DataFolder:
    """What lies in `inputs/<set>/`: class names, and samples sorted by id."""

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]


def list_folder(root: Path, *, task: str) -> DataFolder:
    """Lists a data folder without opening a pixel.

    Args:
        root: `inputs/<set>/`.
        task: binary (exactly one class) or multilabel.

    Raises:
        DataError: no such folder, no images or masks, classes that do not fit the task; or, all of these at once,
            images without a mask and files of one stem.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected are {LAYOUT} in it (data.root names it)")
    problems: list[str] = []
    images = _files_by_id(root / "images", problems)
    if not images:
        raise DataError(f"{root / 'images'}: no images ({', '.join(EXTENSIONS)}); expected are {LAYOUT}")
    classes = _classes(root)
    if task == "binary" and len(classes) > 1:
        raise DataError(f"{root / 'masks'}: {len(classes)} classes ({', '.join(classes)}); set task: multilabel")
    masks = [_files_by_id(root / "masks" / name, problems) for name in classes]
    for sample_id in sorted(images):
        lacking = [name for name, files in zip(classes, masks, strict=True) if sample_id not in files]
        problems += [f"{images[sample_id]}: no mask {root / 'masks' / name / sample_id}.*" for name in lacking]
    if problems:
        raise DataError(listed(problems, "each image needs a mask of the same stem for every class"))
    samples = tuple(Sample(i, images[i], tuple(files[i] for files in masks)) for i in sorted(images))
    return DataFolder(root, classes, samples)


def listed(problems: Sequence[str], advice: str, most: int = 10) -> str:
    """Several problems as one message: the first `most` of them, how many more, and what to do."""
    more = [f"… and {len(problems) - most} more"] if len(problems) > most else []
    return "\n  ".join([f"{len(problems)} problem{'s' * (len(problems) > 1)}; {advice}", *problems[:most], *more])


def _files_by_id(folder: Path, problems: list[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() not in EXTENSIONS or path.name.startswith("."):
            continue
        if path.stem in files:
            problems.append(f"{path}: same stem as {files[path.stem].name}; rename or remove one")
        files[path.stem] = path
    return files


def _classes(root: Path) -> tuple[str, ...]:
    present = sorted(path.name for path in (root / "masks").glob("*") if path.is_dir() and path.name[0] != ".")
    if not present:
        raise DataError(f"{root / 'masks'}: no class folder; expected are {LAYOUT}")
    description = root / "dataset.yaml"
    if not description.exists():
        return tuple(present)
    content = yaml.safe_load(description.read_text(encoding="utf-8"))
    named = content.get("classes", present) if isinstance(content, dict) else present
    if sorted(named) != present:
        raise DataError(f"{description}: classes {named}, but masks/ holds {present}; make the two agree")
    return tuple(named)  # the file's order is the order of the channels


def read_sample(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Image [H, W, 3] uint8 RGB and masks [H, W, K] uint8 {0, 1}, at the files' own size.

    Raises:
        DataError: a file is unreadable, or a mask's size differs from its image's.
    """
    image = to_channels(to_uint8(read_image(sample.image)), 3)
    masks = [read_mask(path) for path in sample.masks]
    for path, mask in zip(sample.masks, masks, strict=True):
        if mask.shape != image.shape[:2]:
            raise DataError(
                f"{path}: {_size(mask)} pixels, but {sample.image} has {_size(image)}; make both the same size"
            )
    return image, np.stack(masks, axis=-1)


def _size(array: np.ndarray) -> str:
    return f"{array.shape[0]}×{array.shape[1]}"
