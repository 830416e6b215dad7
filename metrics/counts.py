"""Scores of a data set from integer counts, independent of the batch size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Scores:
    """Hard scores in [0, 1], pooled over a set's pixels and as the mean over its images; then the mean over classes."""

    iou: float
    dice: float
    iou_per_image: float
    dice_per_image: float

    def columns(self) -> dict[str, float]:
        """Name → score, in the order of a table's columns."""
        return asdict(self)


def iou_of_counts(counts: Tensor) -> Tensor:
    """[..., 3] integer TP, FP, FN → [...] float64 TP / (TP + FP + FN); 1 where the union is empty."""
    true_positive, union = counts[..., 0].double(), counts.sum(-1).double()
    return torch.where(union == 0, 1.0, true_positive / union.clamp(min=1))


def dice_of_counts(counts: Tensor) -> Tensor:
    """[..., 3] integer TP, FP, FN → [...] float64 2TP / (2TP + FP + FN); 1 where the union is empty."""
    doubled, sizes = 2 * counts[..., 0].double(), (counts.sum(-1) + counts[..., 0]).double()
    return torch.where(sizes == 0, 1.0, doubled / sizes.clamp(min=1))


class SegmentationCounts:
    """TP, FP and FN per image and class, kept on the device of the predictions until `compute` is called.

    An image with neither foreground nor a predicted pixel of a class scores 1 for it: nothing was to be found and
    nothing was. One with either, and no overlap, scores 0.
    """

    def __init__(self) -> None:
        self._batches: list[Tensor] = []

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Adds a batch; does not wait for the device.

        Args:
            prediction: [N, K, *space] bool, thresholded.
            target: the same shape, {0, 1} of any dtype.

        Raises:
            ValueError: the shapes differ or `prediction` is not bool.
        """
        if prediction.shape != target.shape or prediction.ndim < 3 or prediction.dtype != torch.bool:
            raise ValueError(
                f"a bool prediction and a target of one shape [N, K, *space] are expected; got {prediction.dtype} "
                f"{list(prediction.shape)} and {list(target.shape)}"
            )
        predicted, truth = prediction.flatten(2), target.flatten(2) > 0.5
        hits, predictions, positives = (predicted & truth).sum(2), predicted.sum(2), truth.sum(2)
        self._batches.append(torch.stack([hits, predictions - hits, positives - hits], dim=-1))

    def per_image(self) -> Tensor:
        """[images, K, 3] int64 on the CPU: TP, FP, FN in the order of the updates.

        Raises:
            ValueError: no image was added.
        """
        if not self._batches:
            raise ValueError("no batch was added, there is nothing to score")
        return torch.cat(self._batches).cpu()

    def state_dict(self) -> dict[str, Tensor | None]:
        """What was added so far, for a checkpoint."""
        return {"counts": torch.cat(self._batches).cpu() if self._batches else None}

    def load_state_dict(self, state: Mapping[str, Tensor | None]) -> None:
        """Goes on after what `state_dict` gave."""
        self._batches = [] if state["counts"] is None else [state["counts"]]

    def table(self) -> list[dict[str, float]]:
        """{"iou": …, "dice": …} of each image in the order of the updates, the mean over its classes."""
        counts = self.per_image()
        columns = iou_of_counts(counts).mean(1).tolist(), dice_of_counts(counts).mean(1).tolist()
        return [{"iou": iou, "dice": dice} for iou, dice in zip(*columns, strict=True)]

    def compute(self) -> Scores:
        """The scores of all images added so far; the only division, and the only wait for the device."""
        counts = self.per_image()
        pooled = counts.sum(0)
        return Scores(
            iou=iou_of_counts(pooled).mean().item(),
            dice=dice_of_counts(pooled).mean().item(),
            iou_per_image=iou_of_counts(counts).mean().item(),
            dice_per_image=dice_of_counts(counts).mean().item(),
        )
