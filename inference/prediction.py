"""What a predictor takes and gives for one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from inference.cells.decoding import Objects

Inputs = tuple[Tensor, ...]  # [channels, h, w] uint8 for each member


@dataclass(frozen=True)
class Prediction:
    """What a predictor finds in one image.

    Attributes:
        masks: [K, H, W] bool, one channel per class; see `ImagePredictor.masks`.
        objects: the cells; None if the task has none.
    """

    masks: np.ndarray
    objects: Objects | None


@dataclass(frozen=True)
class Computed:
    """What the network finds in one image, before cells are decoded from it.

    Attributes:
        masks: as in `Prediction`.
        maps: [C, H, W] float32, see `ImagePredictor.maps`; None if the task has no cells.
    """

    masks: np.ndarray
    maps: np.ndarray | None
