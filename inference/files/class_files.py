"""Writes predicted masks: one file per class and, if there are several, one picture of all in indexed colours."""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np

from images.reading import read_mask
from images.writing import encode_indexed_png, encode_png
from system.files import write_bytes
from tasks.task import Task

BLACK = (0, 0, 0)
# Okabe and Ito 2008, "Color Universal Design": people with any kind of colour vision can distinguish these colours.
DISTINCT = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
GOLDEN = 0.618034  # hues that are this share of the colour circle apart never come close to an earlier hue


def class_colours(count: int) -> list[tuple[int, int, int]]:
    """Returns the RGB colours of the first `count` classes. A class always has the same colour."""
    further = [colorsys.hsv_to_rgb(number * GOLDEN % 1, 0.65, 0.95) for number in range(count - len(DISTINCT))]
    return [*DISTINCT[:count], *(tuple(round(255 * channel) for channel in colour) for colour in further)]


class ClassFiles:
    """Owns the mask files of images below one folder. `<name>` is the name of an image:

        masks/<class>/<name>.png    the mask of one class, uint8 {0, 255}; the background has none
        classes/<name>.png          only if there are several classes: indexed colours, 0 where there is no class, else
                                    1, 2, … in the order of the classes; where classes overlap, the last one counts

    Args:
        folder: the folder to write to.
        task: names the classes. If one of them is the background, it is neither drawn nor written.
    """

    def __init__(self, folder: Path, task: Task) -> None:
        self.folder, self.channels = folder, task.drawn
        self.classes = task.classes[self.channels]

    def mask_paths(self, name: str) -> list[Path]:
        """Returns the path of each class's mask, in the order of the classes."""
        return [self.folder / "masks" / label / f"{name}.png" for label in self.classes]

    def paths(self, name: str) -> list[Path]:
        """Returns the paths of all files of one image."""
        picture = [self.folder / "classes" / f"{name}.png"] if len(self.classes) > 1 else []
        return [*self.mask_paths(name), *picture]

    def write(self, name: str, masks: np.ndarray) -> None:
        """Writes the files of one image; `masks` is [K, H, W] bool."""
        masks = masks[self.channels]
        for path, mask in zip(self.mask_paths(name), masks, strict=True):
            write_bytes(path, encode_png(np.multiply(mask, 255, dtype=np.uint8)))  # one copy: it may be a large image
        for path in self.paths(name)[len(masks) :]:
            picture = np.zeros(masks.shape[1:], np.uint8)
            for number, mask in enumerate(masks, start=1):
                picture[mask] = number
            write_bytes(path, encode_indexed_png(picture, [BLACK, *class_colours(len(masks))]))

    def read(self, name: str) -> np.ndarray:
        """Returns the masks of one image, [H, W, classes without the background] uint8 {0, 1}."""
        return np.stack([read_mask(path) for path in self.mask_paths(name)], axis=-1)
