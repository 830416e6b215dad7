"""The objects of one image of COCO, drawn → masks, a label map and a class map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from datasets.prepare.coco.annotations import CocoImage, CocoObject
from datasets.prepare.coco.regions import Region, fill_polygon, fill_runs, join
from datasets.prepare.painting import LabelPainter
from images.labels.run_lengths import decode_runs
from system.errors import DataError
from system.void import VOID


class Canvas:
    """Draws one image, class by class, so that only one mask is in the memory.

    Args:
        where: the file of the annotations, for messages.

    Attributes:
        painted: [H, W] bool, pixels of any object.
        shared: [H, W] bool, pixels of objects of different classes.
        painter: the label map; the n-th object of the image has the id n, from 1.
    """

    def __init__(self, image: CocoImage, where: Path) -> None:
        self.image, self.where = image, where
        self.painted, self.shared = np.zeros(image.shape, bool), np.zeros(image.shape, bool)
        self.painter = LabelPainter(image.shape)

    def mask_of(self, class_name: str) -> np.ndarray:
        """Draws the objects of one class: [H, W] bool. Call it once for each class."""
        numbered = enumerate(self.image.objects, start=1)
        wanted = [(number, one) for number, one in numbered if one.category == class_name and not one.crowd]
        mask = np.zeros(self.image.shape, bool)
        for number, (window, inside) in self._regions(wanted):
            mask[window] |= inside
            self.painter.add(number, window, inside)
        self.shared |= self.painted & mask
        self.painted |= mask
        return mask

    def class_map(self, value_of: dict[str, int]) -> np.ndarray:
        """Class indices [H, W] uint8, after all classes were drawn: 0 is background, and 255 what only crowds cover."""
        values = [0, *(0 if one.crowd else value_of[one.category] for one in self.image.objects)]
        indices = np.array(values, np.uint8)[self.painter.labels]
        crowds = [(0, one) for one in self.image.objects if one.crowd]
        for _, (window, inside) in self._regions(crowds):
            indices[window][inside & ~self.painted[window]] = VOID
        return indices

    def _regions(self, numbered: Iterable[tuple[int, CocoObject]]) -> Iterator[tuple[int, Region]]:
        for number, one in numbered:
            try:
                yield number, region_of(one, self.image.shape)
            except ValueError as error:
                raise DataError(f"{self.where}: {one.name} cannot be drawn: {error}") from error


def region_of(one: CocoObject, shape: tuple[int, int]) -> Region:
    """The pixels of an object; ValueError says what is wrong with it."""
    if one.runs is None:
        return join([fill_polygon(points, shape) for points in one.polygons])
    return fill_runs(decode_runs(one.runs) if isinstance(one.runs, str) else one.runs, shape)
