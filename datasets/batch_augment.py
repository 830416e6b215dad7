"""The changes of `datasets.augment`, for whole batches on any device: the same distribution, not the same draws."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

HUE, SATURATION, VALUE = 20, 30, 20  # largest shifts, in OpenCV's 8-bit units: 180 is a full turn, 255 full saturation
BRIGHTNESS, CONTRAST = 0.2, 0.2
CHANGED = 0.67  # share of samples whose look changes


class BatchAugmentation:
    """Flips, quarter turns, and a change of hue, saturation and value or of brightness and contrast.

    What happens to a sample follows from the numbers that were drawn for it, whatever else is in its batch. It is
    decided on the host; the device computes all samples alike, so that nothing waits for it.

    Args:
        square: whether the samples are square; others are not turned, because a batch needs one shape.
        colour: whether their channels are red, green and blue; others have no hue and saturation to change.
    """

    NUMBERS = 6  # random numbers that decide over one sample

    def __init__(self, *, square: bool, colour: bool = True) -> None:
        self.square, self.colour = square, colour

    def symmetries(self, numbers: np.ndarray) -> np.ndarray:
        """[N, 6] float64, uniform in [0, 1) → [N] int64, flips and turns as `DeviceSamples.windows` numbers them."""
        return (numbers[:, 0] * (8 if self.square else 4)).astype(np.int64)

    def colour_changes(self, numbers: np.ndarray) -> np.ndarray:
        """[N, 6] float64, uniform in [0, 1) → [N, 6] float32, what `change` does to each sample.

        The columns are gain, offset, the shifts of hue, saturation and value, and 1 where these three are in use.
        """
        changed, shifts_hsv = numbers[:, 1] < CHANGED, numbers[:, 2] < (0.5 if self.colour else 0)
        first, second, third = (2 * numbers[:, 3:] - 1).T
        light = changed & ~shifts_hsv
        gain, offset = np.where(light, 1 + CONTRAST * first, 1), np.where(light, 255 * BRIGHTNESS * second, 0)
        shifts = HUE * first, np.trunc(SATURATION * second), np.trunc(VALUE * third)  # as albumentations adds them
        return np.stack([gain, offset, *shifts, changed & shifts_hsv], axis=1).astype(np.float32)

    def change(self, images: Tensor, changes: Tensor) -> Tensor:
        """Changes the look of each image.

        Args:
            images: [N, C, H, W] float32 of whole numbers 0 … 255.
            changes: [N, 6] as `colour_changes` gives them, on the same device.

        Returns:
            The same kind; fractions are cut off, as albumentations cuts them.
        """
        gain, offset, hue, saturation, value, shifts_hsv = changes.T[:, :, None, None, None]
        images = (images * gain).add_(offset).clamp_(0, 255).floor_()
        if not self.colour:
            return images
        return torch.where(shifts_hsv > 0, shift_hsv(images, hue, saturation, value), images)


def shift_hsv(images: Tensor, hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Shifts hue, saturation and value, which are whole numbers in between as in OpenCV; grey pixels stay grey.

    Args:
        images: [N, 3, H, W] float32, RGB, whole numbers 0 … 255.
        hue, saturation, value: broadcastable to [N, 1, H, W], in OpenCV's 8-bit units, the latter two whole numbers.

    Returns:
        The same kind as `images`.
    """
    red, green, blue = images.split(1, dim=1)
    brightest, darkest = images.amax(1, keepdim=True), images.amin(1, keepdim=True)
    span = brightest - darkest
    sides = span.clamp(min=1)
    angle = torch.where(
        brightest == red,
        (green - blue) / sides,
        torch.where(brightest == green, 2 + (blue - red) / sides, 4 + (red - green) / sides),
    )
    units = (30 * angle + 0.5).floor_()  # the six sides of the hexagon have 30 each
    angle = torch.remainder(units + hue, 180).floor_() / 30
    full = (255 * span / brightest.clamp(min=1) + 0.5).floor_()
    full = torch.where(full == 0, 0, (full + saturation).clamp(0, 255))
    bright = (brightest + value).clamp(0, 255)
    # Each channel falls from `bright` as far as the hue turns away from it (A. R. Smith 1978, in closed form).
    starts = torch.arange(5, 0, -2, device=images.device).view(3, 1, 1)  # made there: a list would have to be copied
    distance = torch.remainder(angle + starts, 6)
    fall = torch.minimum(distance, 4 - distance).clamp_(0, 1)
    return (bright - bright * full / 255 * fall).floor_()
