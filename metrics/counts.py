"""Scores of a data set from integer counts, independent of the batch size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from system.void import VOID

IGNORE_INDEX = VOID  # the public name, after the losses' `ignore_index`


def _ratio(part: Tensor, whole: Tensor, counts: Tensor) -> Tensor:
    """part / whole; 1 where TP, FP and FN are all 0 (nothing was to be found and nothing was), 0 at any other 0/0."""
    return torch.where(counts.sum(-1) == 0, 1.0, part.double() / whole.clamp(min=1))


def iou_of_counts(counts: Tensor) -> Tensor:
    """[..., 3] integer TP, FP, FN → [...] float64 TP / (TP + FP + FN); 1 where the union is empty."""
    return _ratio(counts[..., 0], counts.sum(-1), counts)


def dice_of_counts(counts: Tensor) -> Tensor:
    """[..., 3] integer TP, FP, FN → [...] float64 2TP / (2TP + FP + FN); 1 where the union is empty."""
    return _ratio(2 * counts[..., 0], counts.sum(-1) + counts[..., 0], counts)


def precision_of_counts(counts: Tensor) -> Tensor:
    """[..., 3] integer TP, FP, FN → [...] float64 TP / (TP + FP); 1 where the union is empty, 0 at any other 0/0."""
    return _ratio(counts[..., 0], counts[..., 0] + counts[..., 1], counts)


def recall_of_counts(counts: Tensor) -> Tensor:
    """[..., 3] integer TP, FP, FN → [...] float64 TP / (TP + FN); 1 where the union is empty, 0 at any other 0/0."""
    return _ratio(counts[..., 0], counts[..., 0] + counts[..., 2], counts)


RATIOS = {
    "iou": iou_of_counts,
    "dice": dice_of_counts,
    "precision": precision_of_counts,
    "recall": recall_of_counts,
}
MAIN = ("iou", "dice", "iou_per_image", "dice_per_image")  # the columns that every table of scores has


@dataclass(frozen=True)
class Scores:
    """Hard scores in [0, 1], pooled over a set's pixels and as the mean over its images.

    The fields are means over the classes, in a multiclass task without the background.

    Attributes:
        per_class: class → the same eight scores of it alone, the background among them; empty without names.
    """

    iou: float
    dice: float
    precision: float
    recall: float
    iou_per_image: float
    dice_per_image: float
    precision_per_image: float
    recall_per_image: float
    per_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def columns(self) -> dict[str, float]:
        """Name → score, in the order of a table's columns.

        With names, precision and recall follow, and of several classes `iou_<class>` and so on, pooled.
        """
        columns = {name: getattr(self, name) for name in MAIN}
        if self.per_class:
            columns |= {"precision": self.precision, "recall": self.recall}
        if len(self.per_class) > 1:
            columns |= {f"{name}_{label}": of[name] for name in RATIOS for label, of in self.per_class.items()}
        return columns


def scores_of_counts(counts: Tensor, *, classes: Sequence[str] = (), background: bool = False) -> Scores:
    """[images, K, 3] integer TP, FP, FN → the scores of these images.

    Several processes gather `SegmentationCounts.gathered()` from each other and call this once.

    Args:
        classes: names of the K channels, for `Scores.per_class`.
        background: channel 0 is the background, which the means over classes leave out.
    """
    table = {name: ratio(counts.sum(0)) for name, ratio in RATIOS.items()}  # [K]
    table |= {f"{name}_per_image": ratio(counts).mean(0) for name, ratio in RATIOS.items()}
    means = {name: values[int(background) :].mean().item() for name, values in table.items()}
    per_class = {label: {name: of[k].item() for name, of in table.items()} for k, label in enumerate(classes)}
    return Scores(**means, per_class=per_class)


class SegmentationCounts:
    """TP, FP and FN per image and class, kept on the device of the predictions until they are asked for.

    An image with neither foreground nor a predicted pixel of a class scores 1 for it: nothing was to be found and
    nothing was. One with either, and no overlap, scores 0.

    Args:
        classes: names of the K channels; without them `Scores.per_class` is empty.
        background: channel 0 is the background, which the means over classes leave out.
        ignore_index: pixels whose target has this value are void: they are not counted.
    """

    def __init__(
        self, classes: Sequence[str] = (), *, background: bool = False, ignore_index: int = IGNORE_INDEX
    ) -> None:
        self.classes, self.background, self.ignore_index = tuple(classes), background, ignore_index
        self._batches: list[Tensor] = []

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Adds a batch; does not wait for the device.

        Args:
            prediction: [N, K, *space] bool; in a multiclass task exactly one of the K is true.
            target: [N, K, *space], {0, 1, ignore_index} of any dtype; or [N, *space] class indices of an integer
                dtype, {0 … K−1, ignore_index}.

        Raises:
            ValueError: the shapes do not fit, `prediction` is not bool, or there are not as many channels as classes.
        """
        truth, counted = truth_of(prediction, target, self.ignore_index)
        if self.classes and prediction.shape[1] != len(self.classes):
            raise ValueError(f"{prediction.shape[1]} channels, but {len(self.classes)} classes: {self.classes}")
        predicted, truth = (prediction & counted).flatten(2), (truth & counted).flatten(2)
        hits, predictions, positives = (predicted & truth).sum(2), predicted.sum(2), truth.sum(2)
        self._batches.append(torch.stack([hits, predictions - hits, positives - hits], dim=-1))

    def gathered(self) -> Tensor:
        """[images, K, 3] int64 on the device of the predictions: TP, FP, FN in the order of the updates.

        Raises:
            ValueError: no image was added.
        """
        if not self._batches:
            raise ValueError("no batch was added, there is nothing to score")
        return torch.cat(self._batches)

    def per_image(self) -> Tensor:
        """`gathered`, on the CPU."""
        return self.gathered().cpu()

    def state_dict(self) -> dict[str, Tensor | None]:
        """What was added so far, for a checkpoint."""
        return {"counts": self.per_image() if self._batches else None}

    def load_state_dict(self, state: Mapping[str, Tensor | None]) -> None:
        """Goes on after what `state_dict` gave."""
        self._batches = [] if state["counts"] is None else [state["counts"]]

    def table(self) -> list[dict[str, float]]:
        """{"iou": …, "dice": …} of each image in the order of the updates, the mean over its classes.

        With names, and several classes, `iou_<class>` and `dice_<class>` follow.
        """
        counts = self.per_image()
        ratios = {name: RATIOS[name](counts) for name in ("iou", "dice")}  # [images, K]
        columns = {name: values[:, int(self.background) :].mean(1) for name, values in ratios.items()}
        if len(self.classes) > 1:
            columns |= {f"{n}_{label}": of[:, k] for n, of in ratios.items() for k, label in enumerate(self.classes)}
        rows = zip(*(values.tolist() for values in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def compute(self) -> Scores:
        """The scores of all images added so far; the only division, and the only wait for the device."""
        return scores_of_counts(self.per_image(), classes=self.classes, background=self.background)


def truth_of(prediction: Tensor, target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """Truth [N, K, *space] and which pixels count [N, 1 or K, *space], both bool; arguments as of `update`.

    Raises:
        ValueError: see `SegmentationCounts.update`.
    """
    per_class = prediction.shape == target.shape
    indices = prediction.ndim >= 3 and target.shape == prediction.shape[:1] + prediction.shape[2:]
    if prediction.dtype != torch.bool or prediction.ndim < 3 or not (per_class or indices):
        raise ValueError(
            "a bool prediction [N, K, *space] and a target of the same shape, or class indices [N, *space], are "
            f"expected; got {prediction.dtype} {list(prediction.shape)} and {target.dtype} {list(target.shape)}"
        )
    if per_class:
        return target > 0.5, target != ignore_index
    if target.is_floating_point():
        raise ValueError(f"class indices must be of an integer dtype; got {target.dtype} {list(target.shape)}")
    numbers = torch.arange(prediction.shape[1], device=target.device).reshape(-1, *[1] * (target.ndim - 1))
    return target.unsqueeze(1) == numbers, target.unsqueeze(1) != ignore_index
