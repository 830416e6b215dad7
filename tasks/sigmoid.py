"""The base class of the tasks with sigmoid channels. Each channel has its own foreground."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from images.resize import resize_mask
from system.command_line import OPEN_FRACTION
from system.errors import ConfigError
from system.void import VOID
from tasks.task import Task

SMALLEST = 1e-6  # a probability that becomes a finite logit


class SigmoidTask(Task):
    """Uses a mask for each class. A pixel may belong to several classes."""

    activation = "sigmoid"

    def encode(self, truth: np.ndarray, *, magnification: float = 1.0) -> np.ndarray:
        """Turns [H, W, channels], as the truth is read, into masks [H, W, K] uint8 {0, 1, 255 void}."""
        return self.truth.masks(truth)

    def batch_to_tensor(self, target: Tensor) -> Tensor:
        """Turns [N, H, W, K] into float32 [N, K, H, W] {0, 1, 255 void}."""
        return target.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)

    def resize_target(self, target: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Resizes masks: 1 where at least half of a pixel's area is foreground. With void, to the nearest value."""
        if self.has_void:
            return super().resize_target(target, size)
        return np.stack([resize_mask(target[..., k], size) for k in range(target.shape[-1])], axis=-1)

    def foreground(self, target: np.ndarray) -> np.ndarray:
        return (target == 1).astype(np.uint8)

    def pixel_counts(self, target: np.ndarray) -> np.ndarray:
        return np.append((target == 1).sum(axis=(0, 1)), np.count_nonzero(target[..., 0] != VOID))

    def maps(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def logits(self, maps: Tensor) -> Tensor:
        return maps.logit(eps=SMALLEST)

    def decide(self, logits: Tensor, threshold: float | None = None) -> Tensor:
        """Returns sigmoid(logits) > threshold; the threshold is 0.5 by default.

        Raises:
            ConfigError: see `checked_threshold`.
        """
        threshold = self.checked_threshold(threshold)
        return logits > math.log(threshold / (1 - threshold))

    def checked_threshold(self, threshold: float | None) -> float:
        """Returns the threshold, a probability in (0, 1); it is 0.5 by default.

        Raises:
            ConfigError: it lies outside.
        """
        if threshold is not None and not 0 < threshold < 1:
            raise ConfigError(f"threshold {threshold}: {OPEN_FRACTION}")
        return 0.5 if threshold is None else threshold
