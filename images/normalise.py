"""Pixels → network input. Training, validation and prediction make the same call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

COUNTED = 2**24  # pixels at once: OpenCV counts in float32, which is exact up to here


@dataclass(frozen=True)
class Normalisation:
    """(pixel / 255 − mean) / std for each channel; mean and std are shares of the full range."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def factors(self) -> tuple[Tensor, Tensor]:
        """Two tensors [C, 1, 1] float32: network input = pixel · first − second, rounded after each operation."""
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.mean, self.std))
        return 1 / (255 * std), mean / std

    def __call__(self, image: np.ndarray) -> Tensor:
        """[H, W, C] uint8 → [C, H, W] float32."""
        return self.planes(torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))))

    def planes(self, pixels: Tensor) -> Tensor:
        """[…, C, H, W] uint8 → float32 of the same shape, on the same device."""
        scale, shift = (factor.to(pixels.device) for factor in self.factors)
        return pixels.float().mul_(scale).sub_(shift)

    def to_dict(self) -> dict[str, list[float]]:
        """Plain Python for a checkpoint; `Normalisation.from_dict` reads it back."""
        return {key: list(values) for key, values in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, list[float]]) -> Normalisation:
        return cls(tuple(values["mean"]), tuple(values["std"]))


IMAGENET = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

# Each number is the mean of ImageNet's three channels.
IMAGENET_GREY = Normalisation(mean=(0.449,), std=(0.226,))


def measure(images: Iterable[np.ndarray]) -> Normalisation:
    """Mean and standard deviation of every channel over all pixels of [H, W, C] uint8 images."""
    return normalisation_of(sum(map(channel_sums, images)))


def channel_sums(image: np.ndarray) -> np.ndarray:
    """[H, W, C] uint8 → [3, C] int64: the number of pixels, their sum and the sum of their squares in each channel."""
    flat, values = image.reshape(-1, 1, image.shape[-1]), np.arange(256)
    counts = np.zeros((image.shape[-1], 256), np.int64)
    for first in range(0, len(flat), COUNTED):
        block = flat[first : first + COUNTED]
        for channel in range(image.shape[-1]):
            counts[channel] += cv2.calcHist([block], [channel], None, [256], [0, 256]).ravel().astype(np.int64)
    return np.stack([counts.sum(1), counts @ values, counts @ values**2])


def normalisation_of(sums: np.ndarray) -> Normalisation:
    """Mean and standard deviation of every channel, from the `channel_sums` of all images, added up."""
    count, total, squares = sums
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    deviation[deviation < 1e-3 * 255] = 255  # a constant channel is not scaled, because its deviation is zero
    return Normalisation(tuple((mean / 255).tolist()), tuple((deviation / 255).tolist()))
