"""Turns the maps of one image into its objects: a label map, and a confidence for each object.

Every method finds one seed per object and floods the foreground from the seeds (scikit-image's watershed, Beucher and
Lantuéjoul 1979). Foreground that no seed reaches is dropped. Objects below an area are dropped too, holes are filled,
and labels are numbered in raster order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields

import cv2
import numpy as np

from inference.cells.flooding import Landscape, components, flooded, without_holes
from inference.cells.tops import prominent_tops


@dataclass(frozen=True)
class Decoding:
    """The method and the parameters of decoding.

    Attributes:
        method: a key of `METHODS`.
        foreground_threshold: probability in (0, 1) above which a pixel belongs to an object.
        seed_threshold: in (0, 1), of the map that seeds are taken from. `watershed` and `components` do not use it.
        min_seed: number of pixels that a seed has at least.
        min_area: number of pixels that an object has at least.
    """

    method: str = "distance"
    foreground_threshold: float = 0.5
    seed_threshold: float = 0.5
    min_seed: int = 3
    min_area: int = 10

    def __post_init__(self) -> None:
        """Raises ValueError if a value lies outside its range."""
        if self.method not in METHODS:
            raise ValueError(f"method {self.method!r} is unknown; allowed are {', '.join(METHODS)}")
        for name in ("foreground_threshold", "seed_threshold"):
            value = getattr(self, name)
            if not isinstance(value, float) or not 0 < value < 1:
                raise ValueError(f"{name}: got {value!r}; give a number between 0 and 1, without both ends")
        for name in ("min_seed", "min_area"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name}: got {value!r}; give a whole number of pixels from 1")

    def __str__(self) -> str:
        """Returns the method and the parameters as one line for a terminal."""
        unused = () if METHODS[self.method].uses_seed_threshold else ("seed_threshold",)
        names = [one.name for one in fields(self)[1:] if one.name not in unused]
        values = [f"{name} {getattr(self, name)}" for name in names]
        return f"by {self.method}: {', '.join(values)}"


@dataclass(frozen=True)
class Objects:
    """The objects of one image.

    Attributes:
        labels: [H, W] int32; 0 is background, then 1 … n in raster order.
        confidences: [n] float32 in (0, 1], the mean probability of the foreground over each object.
    """

    labels: np.ndarray
    confidences: np.ndarray


@dataclass(frozen=True)
class Method:
    """A method of decoding.

    Attributes:
        landscape: (maps [C, H, W] float32, parameters) → what is flooded. The first map is the probability of the
            foreground.
        rule: says in a sentence where the seeds are and what is flooded, for people without this program.
        defaults: its own defaults, where they differ from those of `Decoding`.
        connectivity: 4 or 8, of the pixels of a seed.
        uses_seed_threshold: whether seeds are where a map lies above `seed_threshold`.
        by_pixel: a pixel of the landscape depends on the same pixel of the maps only, not on its surroundings.
    """

    landscape: Callable[[np.ndarray, Decoding], Landscape]
    rule: str
    defaults: Mapping[str, float] = field(default_factory=dict)
    connectivity: int = 4
    uses_seed_threshold: bool = True
    by_pixel: bool = True


def _by_distance(maps: np.ndarray, how: Decoding) -> Landscape:
    """Maps: foreground, and distance (0 at the border of an object, 1 in its middle; see `tasks.distance_maps`)."""
    probability, distance = maps
    foreground = probability > how.foreground_threshold
    return Landscape(foreground, lambda: foreground & (distance > how.seed_threshold), -distance)


def _by_border(maps: np.ndarray, how: Decoding) -> Landscape:
    """Maps: foreground p, and border b between objects. Seeds lie where p(1 − b) is high."""
    probability, border = maps
    foreground, inside = probability > how.foreground_threshold, probability * (1 - border)
    return Landscape(foreground, lambda: foreground & (inside > how.seed_threshold), -inside)


def _by_watershed(maps: np.ndarray, how: Decoding) -> Landscape:
    """Seeds are the tops of the mask's distance transform that rise at least one pixel above their surroundings."""
    foreground = maps[0] > how.foreground_threshold
    depth = cv2.distanceTransform(foreground.astype(np.uint8), cv2.DIST_L2, 5)
    depth = cv2.GaussianBlur(np.minimum(depth, sum(foreground.shape)), (0, 0), 1)  # infinite where nothing is outside
    return Landscape(foreground, lambda: prominent_tops(depth, foreground, 1.0), -depth)


def _by_components(maps: np.ndarray, how: Decoding) -> Landscape:
    """Each component of the mask is an object."""
    foreground = maps[0] > how.foreground_threshold
    return Landscape(foreground, lambda: foreground, None)


METHODS: dict[str, Method] = {
    "distance": Method(
        _by_distance,
        "Seeds are where the second map is above seed_threshold. It is flooded from them, high values first.",
    ),
    "border": Method(
        _by_border,
        "Seeds are where q is above seed_threshold, and q = p · (1 − b) of the first map p and the second map b. q is "
        "flooded from them, high values first.",
    ),
    "watershed": Method(
        _by_watershed,
        "Seeds are the tops of the distance transform of the foreground, smoothed with sigma 1, that rise at least one "
        "pixel above their surroundings. The smoothed transform is flooded from them, high values first.",
        {"min_seed": 1},
        connectivity=8,
        by_pixel=False,
        uses_seed_threshold=False,
    ),
    "components": Method(
        _by_components, "Each component of the foreground is a cell.", {"min_seed": 1}, uses_seed_threshold=False
    ),
}


def decoding_by(method: str, **given: float) -> Decoding:
    """Returns the parameters of a method: those that are given, and its defaults for the others."""
    return Decoding(method, **METHODS[method].defaults | given)


def decode(maps: np.ndarray, how: Decoding) -> Objects:
    """Finds the objects of one image.

    Args:
        maps: [C, H, W] float32. The first is the probability of the foreground; the method says what the second is,
            and `watershed` and `components` use the first only.
    """
    method = METHODS[how.method]
    landscape = method.landscape(maps, how)
    markers = components(landscape.seeds, connectivity=method.connectivity, min_area=how.min_seed)
    return finished(flooded(landscape, markers), maps[0], how)


def finished(labels: np.ndarray, probability: np.ndarray, how: Decoding) -> Objects:
    """Drops small objects, fills holes, numbers the rest in raster order, and takes their confidences."""
    labels = without_holes(labels)
    areas = np.bincount(labels.ravel())
    kept = areas >= how.min_area
    kept[0] = False
    present = labels.ravel()[np.flatnonzero(kept[labels.ravel()])]
    first = np.unique(present, return_index=True)
    order = first[0][np.argsort(first[1])]
    numbers = np.zeros(len(areas), np.int32)
    numbers[order] = np.arange(1, len(order) + 1)
    sums = np.bincount(labels.ravel(), weights=probability.ravel(), minlength=len(areas))
    return Objects(numbers[labels], (sums[order] / areas[order]).astype(np.float32))
