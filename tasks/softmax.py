"""The base class of the tasks with softmax channels. Each pixel has exactly one class; the first is the background."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from system.errors import ConfigError
from system.void import VOID
from tasks.sigmoid import SMALLEST
from tasks.task import Task


class SoftmaxTask(Task):
    """Uses class indices as targets. The prediction is one-hot."""

    background = True
    reads = "classes"
    activation = "softmax"

    @property
    def meanings(self) -> tuple[str, ...]:
        """A logit counts only beside those of the other classes, so that all classes have to be the same."""
        return tuple(f"{name} among {', '.join(self.classes)}" for name in self.classes)

    def encode(self, truth: np.ndarray, *, magnification: float = 1.0) -> np.ndarray:
        """Returns the truth as it was read: [H, W, 1] class indices {0 … K−1, 255 void}."""
        return truth

    def batch_to_tensor(self, target: Tensor) -> Tensor:
        """Turns [N, H, W, 1] into int64 [N, H, W] {0 … K−1, 255 void}."""
        return target[..., 0].long()

    def foreground(self, target: np.ndarray) -> np.ndarray:
        return (target == np.arange(1, len(self.classes))).astype(np.uint8)

    def pixel_counts(self, target: np.ndarray) -> np.ndarray:
        counts = np.bincount(target.ravel(), minlength=VOID + 1)[: len(self.classes)]
        return np.append(counts, counts.sum())

    def maps(self, logits: Tensor) -> Tensor:
        return logits.softmax(1)

    def logits(self, maps: Tensor) -> Tensor:
        return maps.clamp(min=SMALLEST).log()

    def decide(self, logits: Tensor, threshold: float | None = None) -> Tensor:
        """Returns the class of the largest logit as one-hot: exactly one of the K channels is true at each pixel."""
        self.checked_threshold(threshold)
        numbers = torch.arange(logits.shape[1], device=logits.device).reshape(-1, *[1] * (logits.ndim - 2))
        return logits.argmax(1, keepdim=True) == numbers

    def checked_threshold(self, threshold: float | None) -> None:
        if threshold is not None:
            raise ConfigError("a multiclass run gives each pixel its most probable class; leave the threshold out")
