"""Transforms of albumentations that act only on images with colour, or only on images without."""

from __future__ import annotations

import albumentations as A
import numpy as np

from datasets.draws.stains import change_stains
from images.choosing import has_colour

FACTOR, SUMMAND = 0.2, 0.05  # largest change of the amount of a stain: as a share of it, and as an optical density


class StainChange(A.ImageOnlyTransform):
    """Draws other amounts of stain, see `change_stains`. Images without colour are not stained and stay as they are."""

    def apply(self, img: np.ndarray, factors: np.ndarray, summands: np.ndarray, **params: object) -> np.ndarray:
        return change_stains(img, factors, summands) if has_colour(img) else img

    def get_params(self) -> dict[str, np.ndarray]:
        return {
            "factors": self.random_generator.uniform(1 - FACTOR, 1 + FACTOR, 3),
            "summands": self.random_generator.uniform(-SUMMAND, SUMMAND, 3),
        }


class Inversion(A.InvertImg):
    """Swaps dark and bright. Images with colour stay as they are: no microscope gives their negative."""

    def apply(self, img: np.ndarray, **params: object) -> np.ndarray:
        return img if has_colour(img) else super().apply(img, **params)
