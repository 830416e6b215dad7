"""Compares an image with the training images of a run, and says in words what lies outside and by how much.

All limits are set from the training images alone. A warning is its kind, a colon, and words without a semicolon.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from images.statistics.features import QUANTILES
from images.statistics.table import ImageTable
from inference.warnings.neighbours import Neighbours

BLURRED, SHARPER = "blurred", "sharper or noisier"
MAGNIFICATION, INVERTED = "other magnification", "inverted contrast"
CHANNELS, COLOURS = "other channels", "other colours"
BRIGHTNESS, TEXTURE = "other brightness", "other texture"
KINDS = (BLURRED, SHARPER, MAGNIFICATION, INVERTED, CHANNELS, COLOURS, BRIGHTNESS, TEXTURE)

TEXTURE_QUANTILE = 0.96  # of the training images lie within the limit of textures …
INTENSITY_QUANTILE, MARGIN = 1.0, 1.5  # … and all within that of intensities, with this margin
ONE_SIGN = 0.98  # share of the training images whose contrast has the same sign, if they are of one kind
CLEAR = 0.15  # of the image's contrast: a difference of cells and background whose sign can be trusted
FEW_OBJECTS = 5
LARGER = 1.5  # times the largest or the smallest usual objects of the training
COLOURED, GREY = 0.05, 0.01  # saturation: above the first a file has colours, below the second it has none
USUAL = (1, 99)  # %: the range of the training that messages name
BETTER = 0.7  # an explanation makes the distance smaller than this part of it


class Judge:
    """Knows the training images of a run.

    Args:
        table: their statistics.
    """

    def __init__(self, table: ImageTable) -> None:
        self.table = table
        self._ranges: dict[str, tuple[float, float]] = {}
        rows = [dict(zip(table.names, row, strict=True)) for row in table.values.tolist()]
        textures = [np.array([_texture(row, shift) for row in rows]) for shift in (0, 1)]
        self._textures = [Neighbours(values, quantile=TEXTURE_QUANTILE) for values in textures]
        self._intensity_names = [name for name in table.names if name.startswith("intensity_q")]
        levels = np.array([self._column(name) for name in self._intensity_names]).T / 255
        self._intensities = Neighbours(levels, quantile=INTENSITY_QUANTILE)

    def warnings(self, values: Mapping[str, float]) -> list[str]:
        """Returns what is unusual about an image, as sentences; empty if it looks like the training images.

        Args:
            values: its statistics, as far as they are known: name → number; see `images.statistics.features`.
        """
        found = [
            self._channels(values),
            self._inverted(values),
            self._magnified_objects(values),
            self._pixel_size(values),
            self._texture(values),
        ]
        kinds = {text.partition(":")[0] for text in filter(None, found)}
        if not kinds & {INVERTED, CHANNELS}:
            found.append(self._intensity(values))
        first = {}
        for text in filter(None, found):
            first.setdefault(text.partition(":")[0], text)
        return list(first.values())

    def _column(self, name: str) -> np.ndarray:
        return self.table.columns.get(name, np.full(len(self.table.values), np.nan, np.float32))

    def _usual(self, name: str) -> tuple[float, float]:
        """The range of a number among the training images; NaN if it is not known."""
        if name not in self._ranges:
            known = self._column(name)[np.isfinite(self._column(name))]
            low, high = np.percentile(known, USUAL).tolist() if len(known) else (math.nan, math.nan)
            self._ranges[name] = low, high
        return self._ranges[name]

    def _channels(self, values: Mapping[str, float]) -> str | None:
        lowest, highest = self._usual("saturation")
        found = values.get("saturation", math.nan)
        if found > COLOURED and highest < GREY:
            return f"{CHANNELS}: the file has colours (saturation {found:.2f}), the training images are grey"
        if found < GREY and lowest > COLOURED:
            return f"{CHANNELS}: the file is grey, the training images have colours (saturation from {lowest:.2f} on)"
        return None

    def _inverted(self, values: Mapping[str, float]) -> str | None:
        """By the intensities: they fit if dark and bright are exchanged. By the cells: they have another sign."""
        levels = self._levels(values)
        distance = self._intensities.distance(levels) / MARGIN
        quantiles = len(QUANTILES)
        flipped = (1 - levels).reshape(-1, quantiles)[:, ::-1].ravel()
        if distance > 1 and self._intensities.distance(flipped) / MARGIN < BETTER * distance:
            return f"{INVERTED}: {self._compared('intensity_q50-0', values, 'median brightness')}"
        known = self._column("cell_contrast")
        known, found = known[np.isfinite(known)], values.get("cell_contrast", math.nan)
        if len(known) < FEW_OBJECTS or not abs(found) > CLEAR * values.get("contrast-0", math.inf):
            return None
        for sign, here, there in ((1, "darker", "brighter"), (-1, "brighter", "darker")):
            if (known * sign > 0).mean() >= ONE_SIGN and found * sign < 0:
                cells = f"the predicted cells are {here} than the rest by {abs(found):.0f} levels"
                return f"{INVERTED}: {cells}, those of the training images are {there}"
        return None

    def _magnified_objects(self, values: Mapping[str, float]) -> str | None:
        low, high = self._usual("object_diameter")
        found = values.get("object_diameter", math.nan)
        if values.get("objects", 0) >= FEW_OBJECTS and (found > LARGER * high or found < low / LARGER):
            return f"{MAGNIFICATION}: median object {found:.1f} pixels, training images {low:.1f} to {high:.1f}"
        return None

    def _pixel_size(self, values: Mapping[str, float]) -> str | None:
        low, high = self._usual("pixel_size_um")
        found = values.get("pixel_size_um", math.nan)
        if found > LARGER * high or found < low / LARGER:
            return f"{MAGNIFICATION}: a pixel of {found:.3g} µm, training images {low:.3g} to {high:.3g} µm"
        return None

    def _texture(self, values: Mapping[str, float]) -> str | None:
        """Sharpness, grain and contrast at several scales, all together, and what explains them best."""
        usual = self._textures[0].distance(_texture(values, 0))
        if not usual > 1:
            return None
        # An image that was magnified twice looks like the training images when it is reduced by 2, and vice versa.
        larger = self._textures[0].distance(_texture(values, 1))
        smaller = self._textures[1].distance(_texture(values, 0))
        best = np.nanmin([larger, smaller, np.inf])
        if best < min(BETTER * usual, 1.2):
            how = "twice as large" if best == larger else "half as large"
            return f"{MAGNIFICATION}: structures are about {how} as in the training images{self._objects(values)}"
        (low, high), found = self._usual("sharpness-0"), values.get("sharpness-0", math.nan)
        words = f"sharpness {found:.2g}, training images {low:.2g} to {high:.2g}"
        if found < math.sqrt(low * float(np.nanmedian(self._column("sharpness-0")))):
            return f"{BLURRED}: {words}"
        grain, (_, most) = values.get("grain-0", math.nan), self._usual("grain-0")
        if found > high or grain > most:
            return f"{SHARPER}: {words}, grain {grain:.1f} levels, training images up to {most:.1f}"
        return f"{TEXTURE}: {usual:.1f} times as far from the training images as they lie apart"

    def _objects(self, values: Mapping[str, float]) -> str:
        """The objects, if their size lies outside the usual range, too; else "" because it would speak against it."""
        low, high = self._usual("object_diameter")
        found = values.get("object_diameter", math.nan)
        if values.get("objects", 0) < FEW_OBJECTS or math.isnan(low) or low <= found <= high:
            return ""
        return f" (median object {values['object_diameter']:.1f} pixels, training images {low:.1f} to {high:.1f})"

    def _intensity(self, values: Mapping[str, float]) -> str | None:
        if not self._intensities.distance(self._levels(values)) > MARGIN:
            return None
        low, high = self._usual("saturation")
        found = values.get("saturation", math.nan)
        if high > COLOURED:
            names = [name for name in self._intensity_names if name.startswith("intensity_q50-")][:3]
            compared = ", ".join(self._compared(name, values, f"median of channel {name[-1]}") for name in names)
            return f"{COLOURS}: saturation {found:.2f} ({low:.2f} to {high:.2f} in the training), {compared}"
        names = ("intensity_q05-0", "intensity_q50-0", "intensity_q95-0")
        compared = (self._compared(name, values, f"{int(name[11:13])} % quantile") for name in names)
        return f"{BRIGHTNESS}: {', '.join(compared)}"

    def _compared(self, name: str, values: Mapping[str, float], words: str) -> str:
        low, high = self._usual(name)
        return f"{words} {values[name]:.0f} ({low:.0f} to {high:.0f} in the training)"

    def _levels(self, values: Mapping[str, float]) -> np.ndarray:
        return np.array([values.get(name, math.nan) for name in self._intensity_names]) / 255


def _texture(values: Mapping[str, float], shift: int) -> np.ndarray:
    """The numbers that describe the texture of an image, or of the image reduced by 2**shift."""
    known = lambda name: values.get(name, math.nan)
    sharpness = [math.log2(known(f"sharpness-{level + shift}") + 1e-6) for level in range(3)]
    grain = [math.log2(known(f"grain-{level + shift}") + 0.1) for level in range(4)]
    return np.array([*sharpness, *grain, math.log2(known(f"contrast-{shift}") + 0.03)])
