"""The confusion matrix shows which class was predicted for which true class."""

from __future__ import annotations

import torch
from torch import Tensor

from metrics.counts import truth_of


class ConfusionMatrix:
    """Counts pixels by true and predicted class. The classes must exclude each other; void pixels are not counted.

    Attributes:
        counts: [K, K] int64 on the device of the predictions; rows are true classes, columns are predicted classes.
            The counts of several processes can be added up.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int) -> None:
        self.counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Adds a batch, without waiting for the device.

        Args:
            prediction: [N, K, *space] bool; exactly one of the K is true.
            target: [N, *space] class indices, {0 … K−1, 255 void}, or one-hot like `prediction`.

        Raises:
            ValueError: the shapes do not fit each other or K.
        """
        truth, counted = truth_of(prediction, target)
        if prediction.shape[1] != len(self.counts):
            raise ValueError(f"{prediction.shape[1]} channels, but {len(self.counts)} classes")
        rows = [torch.stack([(t & counted[:, 0] & p).sum() for p in prediction.unbind(1)]) for t in truth.unbind(1)]
        self.counts = self.counts.to(truth.device, non_blocking=True) + torch.stack(rows)

    def compute(self) -> Tensor:
        """Divides each row by its sum, so that the diagonal is the recall: [K, K] float64 on the CPU."""
        counts = self.counts.cpu().double()
        return counts / counts.sum(1, keepdim=True).clamp(min=1)
