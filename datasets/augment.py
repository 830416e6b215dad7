"""Random changes of training samples, each a function of its seed alone."""

from __future__ import annotations

import os
import random
import sys
from types import ModuleType

import numpy as np

from datasets.draws.changes import Changes, look_transforms, shape_transforms


def albumentations() -> ModuleType:
    """Imports albumentations without what it does with the network: it asks for its newest version, and loads a client
    of the Hugging Face Hub, which takes half a second."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    hub = "huggingface_hub"
    absent = hub not in sys.modules
    if absent:
        sys.modules[hub] = None  # its import fails, as if it were not installed; albumentations then does without it
    try:
        import albumentations
    finally:
        if absent:
            del sys.modules[hub]
    return albumentations


class Augmentation:
    """Flips, quarter turns, and a change of hue, saturation, brightness or contrast, which all channels share.

    albumentations 2.0.8 repeats its random numbers in every epoch and worker unless it is seeded for each sample,
    which is why a call takes a seed. Its own `set_random_seed` gives every transform the same stream, so that both
    flips would always happen together; one generator shared by all of them does not.

    Args:
        square: whether the samples are square; others are not turned, because a batch needs one shape.
        colour: whether their channels are red, green and blue; others have no hue and saturation to change.
        more: further changes. Their scale is not used here, because it decides which window is cut.
    """

    def __init__(self, *, square: bool, colour: bool = True, more: Changes | None = None) -> None:
        A = albumentations()
        geometry = [A.D4(p=1)] if square else [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]
        light = A.RandomBrightnessContrast(p=1)
        look = A.OneOf([A.HueSaturationValue(p=1), light] if colour else [light], p=0.67)
        more = Changes() if more is None else more
        shapes, looks = shape_transforms(more), look_transforms(more, colour=colour)
        self._transform = A.Compose([*geometry, *shapes, look, *looks])

    def __call__(self, image: np.ndarray, mask: np.ndarray, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Flips and turns both arrays in the same way, and changes the look of the image.

        Args:
            image: [H, W, C] uint8, with three channels if `colour`, else with any number of them.
            mask: [H, W, K] uint8, a target of any task: {0, 1}, class indices or distances 0 to 254, and 255 for void.
            seed: the one of this sample in this epoch.
        """
        self._transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
        changed = self._transform(image=image, mask=mask)
        return changed["image"], changed["mask"]
