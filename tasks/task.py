"""The interface of all tasks. A task owns everything that depends on what the channels of a network mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from images.resize import resize_labels
from metrics import ConfusionMatrix, SegmentationCounts
from tasks.truth import Truth


@dataclass(frozen=True)
class TaskOptions:
    """The keys of a configuration that say how the truth is read and encoded. A task may use only some of them.

    Attributes:
        truth: what the files of the truth are: "masks", "labels" (label maps) or "classes" (class maps); "auto"
            recognises it, see `datasets.folder.truth_files`.
        mask_threshold: where soft masks are cut, as a share of the file's full range; None refuses soft masks.
        border_radius: the radius of `tasks.border.border_map`, in pixels of the network's input.
    """

    truth: str = "auto"
    mask_threshold: float | None = None
    border_radius: float = 2.5


DEFAULTS = TaskOptions()
FOREGROUND = "foreground"  # what the first channel of every task with a single class says


class Task(ABC):
    """Turns truth into targets, and logits into predictions and scores.

    An encoded target is uint8 in memory, where 255 is void: masks [H, W, K] {0, 1}, class indices [H, W, 1], or what
    `tasks.instance.InstanceTask` describes. A network has C channels: as many as classes, unless `channels` has more.

    Attributes:
        reads: what the truth must be: "masks", which label maps and class maps can become; "labels", label maps; or
            "classes", class maps or a folder of masks for each class.
        background: whether channel 0 is the background. Means over classes, files and pictures leave it out.
        activation: the name of the function from logits to `maps`: "sigmoid", or "softmax" over the channels.
        classes: names of the K classes.
        truth: how the files of the truth are read; None if there is no data folder, as in prediction.
        options: see `TaskOptions`.
    """

    reads: ClassVar[str] = "masks"
    background: ClassVar[bool] = False
    activation: ClassVar[str]

    def __init__(self, classes: Sequence[str], truth: Truth | None = None, options: TaskOptions = DEFAULTS) -> None:
        self.classes, self.truth, self.options = tuple(classes), truth, options

    @classmethod
    @abstractmethod
    def for_truth(cls, truth: Truth, options: TaskOptions) -> Task:
        """Builds the task for the truth of a data folder.

        Raises:
            DataError: the classes of the folder do not fit the task.
        """

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the C channels of the network; those of the classes come first."""
        return self.classes

    @property
    def meanings(self) -> tuple[str, ...]:
        """What each of the C channels says. Where two tasks use equal words, a head may start from the other's."""
        return tuple(f"mask of {name}" for name in self.channels)

    @property
    def has_void(self) -> bool:
        """True if targets may hold pixels of unknown class, 255."""
        return self.truth is not None and self.truth.void is not None

    @property
    def drawn(self) -> slice:
        """The channels that are drawn and written one by one: all but the background."""
        return slice(int(self.background), len(self.classes))

    @abstractmethod
    def encode(self, truth: np.ndarray, *, magnification: float = 1.0) -> np.ndarray:
        """Encodes the truth of one sample.

        Args:
            truth: [H, W, channels], as `self.truth` reads or resizes it.
            magnification: number of pixels of `truth` per pixel of the network's input, along a side.

        Returns:
            The encoded target, [H, W, channels] uint8; see `Task`.
        """

    def to_tensor(self, target: np.ndarray) -> Tensor:
        """Turns an encoded target into what losses and scores use: float32 [C, H, W] or int64 [H, W]; 255 is void."""
        return self.batch_to_tensor(torch.from_numpy(np.ascontiguousarray(target))[None])[0]

    @abstractmethod
    def batch_to_tensor(self, target: Tensor) -> Tensor:
        """Turns encoded targets, [N, H, W, channels] uint8 on any device, into a batch of what `to_tensor` returns."""

    def resize_target(self, target: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Resizes an encoded target [H, W, channels] to [*size, channels]. Each pixel takes the nearest value."""
        return np.stack([resize_labels(target[..., k], size) for k in range(target.shape[-1])], axis=-1)

    @abstractmethod
    def foreground(self, target: np.ndarray) -> np.ndarray:
        """Turns an encoded target into masks [H, W, drawn classes] uint8 {0, 1}. Void pixels are in no mask."""

    @abstractmethod
    def pixel_counts(self, target: np.ndarray) -> np.ndarray:
        """Counts the pixels of an encoded target: those of each class, then all that are not void. [K + 1] int64."""

    def whole_loss(self, loss: nn.Module) -> nn.Module:
        """Returns the loss of all channels, given the configured one: (logits [N, C, *space], target) → scalar."""
        return loss

    @abstractmethod
    def maps(self, logits: Tensor) -> Tensor:
        """Turns logits [N, C, *space] into maps in [0, 1] of the same shape, such as probabilities."""

    @abstractmethod
    def logits(self, maps: Tensor) -> Tensor:
        """Turns maps, such as the mean of those of several networks, back into logits; the inverse of `maps`."""

    @abstractmethod
    def decide(self, logits: Tensor, threshold: float | None = None) -> Tensor:
        """Turns logits [N, C, *space] into the prediction, [N, K, *space] bool.

        Args:
            threshold: as `checked_threshold` returns it; None stands for the default.
        """

    @abstractmethod
    def checked_threshold(self, threshold: float | None) -> float | None:
        """Returns the threshold that `decide` compares probabilities with; None if the task uses none.

        Raises:
            ConfigError: a threshold is given, but the task uses none; or it is not between 0 and 1.
        """

    def counts(self, *, by_class: bool = True) -> SegmentationCounts:
        """Returns a new accumulator of the task's scores. With `by_class` each class is also scored on its own."""
        return SegmentationCounts(self.classes if by_class else (), background=self.background)

    def confusion(self) -> ConfusionMatrix | None:
        """Returns a new table of true against predicted classes; None if the classes do not exclude each other."""
        return ConfusionMatrix(len(self.classes)) if self.background else None
