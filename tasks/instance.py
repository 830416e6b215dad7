"""The base class of the tasks that separate cells. A second channel says where one cell ends and the next begins."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from images.resize import resize_mask
from metrics import SegmentationCounts
from system.void import VOID
from tasks.sigmoid import SigmoidTask
from tasks.task import FOREGROUND, TaskOptions
from tasks.truth import Truth


class InstanceTask(SigmoidTask):
    """Has one class, the cells, and two channels: the foreground, and a map that separates the cells.

    The truth is label maps. The encoded target is [H, W, 2] uint8: the foreground {0, 1, 255 void}, and the map as the
    task stores it, where 255 is void too. The losses and the scores of masks see the foreground only.

    Attributes:
        term: the name of the second channel and of its term of the loss, a column of log.csv.
        factor: the factor of this term. The configured loss, on the foreground, has the factor 1.
    """

    reads = "labels"
    term: ClassVar[str]
    factor: ClassVar[float] = 1.0

    @classmethod
    def for_truth(cls, truth: Truth, options: TaskOptions) -> InstanceTask:
        return cls(truth.classes, truth, options)

    @property
    def channels(self) -> tuple[str, ...]:
        return (*self.classes, self.term)

    @property
    def meanings(self) -> tuple[str, ...]:
        return (FOREGROUND, self.term)

    def encode(self, truth: np.ndarray, *, magnification: float = 1.0) -> np.ndarray:
        """Turns [H, W, 1] instance ids into [H, W, 2] uint8, see `InstanceTask`."""
        labels = truth[..., 0]
        return np.stack([(labels > 0).astype(np.uint8), self.separation(labels, magnification)], axis=-1)

    @abstractmethod
    def separation(self, labels: np.ndarray, magnification: float) -> np.ndarray:
        """Makes the target of the second channel from instance ids: [H, W] integers → [H, W] uint8."""

    def resize_target(self, target: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Resizes [H, W, 2], where the foreground is a mask, and the second channel as `resize_separation` says."""
        foreground = resize_mask(target[..., 0], size)
        return np.stack([foreground, self.resize_separation(target[..., 1], foreground)], axis=-1)

    @abstractmethod
    def resize_separation(self, separation: np.ndarray, foreground: np.ndarray) -> np.ndarray:
        """Resizes the second channel, [H, W] uint8, to the size of the resized foreground, [h, w] {0, 1}."""

    @staticmethod
    @abstractmethod
    def term_loss(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Computes the loss of the second channel; all are [N, *space], and `valid` is false at void pixels."""

    def whole_loss(self, loss: nn.Module) -> nn.Module:
        return InstanceLoss(loss, self.term_loss, name=self.term, factor=self.factor)

    def foreground(self, target: np.ndarray) -> np.ndarray:
        return super().foreground(target[..., :1])

    def pixel_counts(self, target: np.ndarray) -> np.ndarray:
        return super().pixel_counts(target[..., :1])

    def decide(self, logits: Tensor, threshold: float | None = None) -> Tensor:
        """Turns logits [N, 2, *space] into the mask of the foreground, [N, 1, *space] bool."""
        return super().decide(logits[:, :1], threshold)

    def counts(self, *, by_class: bool = True) -> SegmentationCounts:
        return ForegroundCounts(self.classes if by_class else ())


class ForegroundCounts(SegmentationCounts):
    """Counts the pixels of the first channel of a target, which is the foreground."""

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Adds a batch: prediction [N, 1, *space] bool, and target [N, 2, *space]."""
        super().update(prediction, target[:, :1])


class InstanceLoss(nn.Module):
    """The loss of the masks on the foreground, plus factor · the loss of the second channel.

    Args:
        mask_loss: (logits [N, 1, *space], target of the same shape, {0, 1, 255 void}) → scalar.
        term_loss: see `InstanceTask.term_loss`.
        name: the name of the second term.

    Attributes:
        term_values: name → value of each term in the last call, detached: "foreground", the terms of a weighted sum
            in its place, and the second one.

    Call: logits [N, 2, *space] float, target of the same shape → scalar.
    """

    def __init__(
        self, mask_loss: nn.Module, term_loss: Callable[[Tensor, Tensor, Tensor], Tensor], *, name: str, factor: float
    ) -> None:
        super().__init__()
        self.mask_loss, self.term_loss, self.name, self.factor = mask_loss, term_loss, name, factor
        self.term_values: dict[str, Tensor] = {}

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        if logits.shape != target.shape or logits.shape[1] != 2:
            raise ValueError(
                f"logits and target must both be [N, 2, *space]; got {list(logits.shape)} and {list(target.shape)}"
            )
        mask = self.mask_loss(logits[:, :1], target[:, :1])
        second = self.term_loss(logits[:, 1], target[:, 1], target[:, 1] != VOID)
        parts = getattr(self.mask_loss, "term_values", None) or {"foreground": mask.detach()}
        self.term_values = {**parts, self.name: second.detach()}
        return mask + self.factor * second


def mean_where(values: Tensor, valid: Tensor) -> Tensor:
    """Returns the mean of the values at valid pixels; 0 if there are none."""
    return torch.where(valid, values, 0).sum() / valid.sum().clamp(min=1)
