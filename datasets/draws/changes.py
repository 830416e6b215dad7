"""Random changes of the look and the shape of samples that `data.augment` can switch on, for images from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Range = tuple[float, float]
SMOOTH = 8.0  # standard deviation of the filter that smooths a deformation, in pixels
SHIFT = 2.0  # standard deviation of the shift of a pixel along each axis, in pixels
BLUR: Range = (0.5, 1.5)  # standard deviation of a blur, in pixels
NOISE: Range = (0.01, 0.06)  # standard deviation of noise, as a share of the full range
RGB_ONLY = ("stain", "grey")


@dataclass(frozen=True)
class Changes:
    """Says which changes are on. All are off by default.

    Attributes:
        scale: range of the magnification of a sample; see `datasets.crop.magnified_window`.
        elastic, stain, grey, invert, blur, noise: the probability of each; 0 is off.
        gamma: range of an exponent, which every sample gets.
    """

    scale: Range | None = None
    elastic: float = 0.0
    stain: float = 0.0
    grey: float = 0.0
    invert: float = 0.0
    gamma: Range | None = None
    blur: float = 0.0
    noise: float = 0.0

    @property
    def needing_colour(self) -> list[str]:
        """The names of the changes that are on and need images whose channels are red, green and blue."""
        return [name for name in RGB_ONLY if getattr(self, name)]


def shape_transforms(changes: Changes) -> list:
    """Returns the transforms of albumentations that move pixels of image and target alike."""
    import albumentations as A

    if not changes.elastic:
        return []
    # Uniform noise in [-1, 1] has the sd 1/√3, and 1/(2 s √π) of it is left when it is smoothed with the sd s.
    strength = SHIFT * np.sqrt(3) * 2 * SMOOTH * np.sqrt(np.pi)
    deformation = A.ElasticTransform(
        alpha=float(strength),
        sigma=SMOOTH,
        noise_distribution="uniform",
        border_mode=cv2.BORDER_REFLECT_101,
        p=changes.elastic,
    )
    return [deformation]


def look_transforms(changes: Changes, *, colour: bool) -> list:
    """Returns the transforms of albumentations that change the image alone, in the order of a microscope.

    Args:
        colour: whether the channels are red, green and blue. If not, `needing_colour` must be empty.
    """
    import albumentations as A

    from datasets.draws.transforms import Inversion, StainChange

    assert colour or not changes.needing_colour
    transforms = [
        StainChange(p=changes.stain) if changes.stain else None,
        A.ToGray(p=changes.grey) if changes.grey else None,
        Inversion(p=changes.invert) if changes.invert else None,
        A.RandomGamma(gamma_limit=tuple(100 * end for end in changes.gamma), p=1) if changes.gamma else None,
        A.GaussianBlur(blur_limit=0, sigma_limit=BLUR, p=changes.blur) if changes.blur else None,
        # In RGB all channels get the same noise, so that grey images stay grey.
        A.GaussNoise(std_range=NOISE, per_channel=not colour, p=changes.noise) if changes.noise else None,
    ]
    return [transform for transform in transforms if transform is not None]
