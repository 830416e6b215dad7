"""counts.npz: what each image of a scored part adds to the scores of any set of images."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from metrics import InstanceCounts, SegmentationCounts
from metrics.instances import ImageCounts
from system.errors import FileError
from system.files import write_bytes

NAME = "counts.npz"


@dataclass(frozen=True)
class ScoredImages:
    """The counts of images, from which every pooled score can be computed, of all of them and of some.

    Attributes:
        ids: of the images.
        pixels: [images, classes, 3] int64, TP, FP and FN of pixels at image size; without the background class.
        objects: the counts of the objects of each image; None if none are scored.
    """

    ids: tuple[str, ...]
    pixels: np.ndarray
    objects: tuple[ImageCounts, ...] | None

    def __add__(self, other: ScoredImages) -> ScoredImages:
        """Returns the images of both."""
        objects = None if self.objects is None or other.objects is None else self.objects + other.objects
        return ScoredImages(self.ids + other.ids, np.concatenate([self.pixels, other.pixels]), objects)

    def only(self, places: Sequence[int]) -> ScoredImages:
        """Returns the images at these places."""
        objects = None if self.objects is None else tuple(self.objects[place] for place in places)
        return ScoredImages(tuple(self.ids[place] for place in places), self.pixels[list(places)], objects)


def write_counts(path: Path, ids: Sequence[str], counts: SegmentationCounts, objects: InstanceCounts | None) -> None:
    """Writes the counts of images, in the order of `ids`."""
    arrays = {"ids": np.array(ids, dtype=np.str_), "pixels": counts.per_image()[:, int(counts.background) :].numpy()}
    if objects is not None:
        arrays |= {f"objects_{name}": tensor.numpy() for name, tensor in objects.state_dict().items()}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    write_bytes(path, file.getvalue())


def read_counts(path: Path) -> ScoredImages:
    """Reads what `write_counts` wrote.

    Raises:
        FileError: the file is damaged.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays = dict(file)
        state = {name[8:]: torch.from_numpy(array) for name, array in arrays.items() if name.startswith("objects_")}
        objects = None
        if state:
            counts = InstanceCounts()
            counts.load_state_dict(state)
            objects = tuple(counts.images)
        return ScoredImages(tuple(arrays["ids"].tolist()), arrays["pixels"], objects)
    except (EOFError, KeyError, OSError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        found = f"no whole file of counts ({' '.join(str(error).split())[:100]})"
        raise FileError(str(path), found=found, fix="score the run again with val.py") from error
