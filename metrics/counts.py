"""Scores a data set by integer counts, so that the scores do not depend on the batch size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from system.void import VOID

RATIOS = ("iou", "dice", "precision", "recall")
MAIN = ("iou", "dice", "iou_per_image", "dice_per_image")  # every table of scores has these columns


def ratios_of_counts(counts: Tensor) -> dict[str, Tensor]:
    """Returns the four scores of `RATIOS` by name: [..., 3] integer TP, FP, FN → [...] float64 each.

    A score is 1 if TP, FP and FN are all 0 (there was nothing to find and nothing was predicted), and 0 at any other
    0/0.
    """
    hits, false, missed = counts.unbind(-1)
    union = hits + false + missed
    fractions = (hits, union), (2 * hits, union + hits), (hits, hits + false), (hits, hits + missed)
    scores = [torch.where(union == 0, 1.0, part.double() / whole.clamp(min=1)) for part, whole in fractions]
    return dict(zip(RATIOS, scores, strict=True))


@dataclass(frozen=True)
class Scores:
    """Hard scores in [0, 1].

    The first four fields are pooled over all pixels of a set; the fields `…_per_image` are means over its images. All
    eight are means over the classes, without the background of a multiclass task.

    Attributes:
        per_class: class → the same eight scores of this class alone, also for the background. It is empty if the
            classes have no names.
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
        """Returns name → score, in the order of a table's columns.

        If the classes have names, the pooled precision and recall follow. If there are several classes, the pooled
        scores of each follow too: `iou_<class>`, `dice_<class>` and so on.
        """
        columns = {name: getattr(self, name) for name in MAIN}
        if self.per_class:
            columns |= {"precision": self.precision, "recall": self.recall}
        if len(self.per_class) > 1:
            columns |= {f"{name}_{label}": scores[name] for name in RATIOS for label, scores in self.per_class.items()}
        return columns


class SegmentationCounts:
    """Counts TP, FP and FN per image and class. The counts stay on the device of the predictions until they are read.

    If an image has neither a foreground pixel nor a predicted pixel of a class, it scores 1 for this class, because
    there was nothing to find and nothing was predicted. If it has such pixels but no overlap, it scores 0. Pixels whose
    target is 255 are void and are not counted.

    Args:
        classes: names of the K channels; without them `Scores.per_class` is empty.
        background: channel 0 is the background, and the means over classes leave it out.
    """

    def __init__(self, classes: Sequence[str] = (), *, background: bool = False) -> None:
        self.classes, self.background = tuple(classes), background
        self._batches: list[Tensor] = []

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Adds a batch, without waiting for the device.

        Args:
            prediction: [N, K, *space] bool; in a multiclass task exactly one of the K is true.
            target: [N, K, *space], {0, 1, 255 void} of any dtype; or [N, *space] class indices of an integer
                dtype, {0 … K−1, 255 void}.

        Raises:
            ValueError: the shapes do not fit, `prediction` is not bool, or there are not as many channels as classes.
        """
        truth, counted = truth_of(prediction, target)
        if self.classes and prediction.shape[1] != len(self.classes):
            raise ValueError(f"{prediction.shape[1]} channels, but {len(self.classes)} classes: {self.classes}")
        predicted, truth = (prediction & counted).flatten(2), (truth & counted).flatten(2)
        hits, predictions, positives = (predicted & truth).sum(2), predicted.sum(2), truth.sum(2)
        self._batches.append(torch.stack([hits, predictions - hits, positives - hits], dim=-1))

    def per_image(self) -> Tensor:
        """Returns TP, FP, FN of all images in the order of the updates: [images, K, 3] int64 on the CPU.

        Raises:
            ValueError: no image was added.
        """
        if not self._batches:
            raise ValueError("no batch was added, there is nothing to score")
        return torch.cat(self._batches).cpu()

    def state_dict(self) -> dict[str, Tensor | None]:
        """Returns what was added so far, for a checkpoint."""
        return {"counts": self.per_image() if self._batches else None}

    def load_state_dict(self, state: Mapping[str, Tensor | None]) -> None:
        """Replaces what was added so far by what `state_dict` returned."""
        self._batches = [] if state["counts"] is None else [state["counts"]]

    def table(self) -> list[dict[str, float]]:
        """Returns {"iou": …, "dice": …} of each image, in the order of the updates. Both are means over the classes.

        If there are several classes and they have names, `iou_<class>` and `dice_<class>` follow.
        """
        scores, names = ratios_of_counts(self.per_image()), ("iou", "dice")  # each score is [images, K]
        columns = {name: scores[name][:, int(self.background) :].mean(1) for name in names}
        if len(self.classes) > 1:
            columns |= {f"{name}_{label}": scores[name][:, k] for name in names for k, label in enumerate(self.classes)}
        rows = zip(*(values.tolist() for values in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def compute(self) -> Scores:
        """Returns the scores of all images added so far. Only this divides, and only this waits for the device."""
        counts = self.per_image()
        table = ratios_of_counts(counts.sum(0))  # [K]
        table |= {f"{name}_per_image": values.mean(0) for name, values in ratios_of_counts(counts).items()}
        means = {name: values[int(self.background) :].mean().item() for name, values in table.items()}
        per_class = {label: {name: of[k].item() for name, of in table.items()} for k, label in enumerate(self.classes)}
        return Scores(**means, per_class=per_class)


def truth_of(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the truth, [N, K, *space] bool, and which pixels count, [N, 1 or K, *space] bool.

    Arguments and errors are those of `SegmentationCounts.update`.
    """
    per_class = prediction.shape == target.shape
    indices = prediction.ndim >= 3 and target.shape == prediction.shape[:1] + prediction.shape[2:]
    if prediction.dtype != torch.bool or prediction.ndim < 3 or not (per_class or indices):
        raise ValueError(
            "a bool prediction [N, K, *space] and a target of the same shape, or class indices [N, *space], are "
            f"expected; got {prediction.dtype} {list(prediction.shape)} and {target.dtype} {list(target.shape)}"
        )
    if per_class:
        return target > 0.5, target != VOID
    if target.is_floating_point():
        raise ValueError(f"class indices must be of an integer dtype; got {target.dtype} {list(target.shape)}")
    numbers = torch.arange(prediction.shape[1], device=target.device).reshape(-1, *[1] * (target.ndim - 1))
    return target.unsqueeze(1) == numbers, target.unsqueeze(1) != VOID
