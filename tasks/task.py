"""What every task offers. A task owns everything that depends on what the channels of a network mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from metrics import ConfusionMatrix, SegmentationCounts
from tasks.truth import Truth


@dataclass(frozen=True)
class TaskOptions:
    """The keys of a configuration that say how truth is read and encoded; each task uses those that concern it.

    Attributes:
        mask_threshold: where soft masks are cut, as a share of the file's full range; None refuses soft masks.
        border_radius: width of a border class, in pixels of what the network sees.
    """

    mask_threshold: float | None = None
    border_radius: float = 1.5  # reaches diagonal neighbours: interiors then never touch, not even by their corners


DEFAULTS = TaskOptions()


class Task(ABC):
    """One meaning of a network's channels: truth → target, logits → prediction, scores and files.

    An encoded target is uint8 in memory, where 255 is void: [H, W, K] {0, 1} of masks, or [H, W, 1] class indices.

    Attributes:
        reads: the folder of the truth below the data folder, "masks" or "labels".
        background: whether channel 0 is the background, which means over classes, files and pictures leave out.
        classes: names of the K channels.
        truth: how the files of the truth are read; None where there is no data folder, as in prediction.
        options: see `TaskOptions`.
    """

    reads: ClassVar[str] = "masks"
    background: ClassVar[bool] = False

    def __init__(self, classes: Sequence[str], truth: Truth | None = None, options: TaskOptions = DEFAULTS) -> None:
        self.classes, self.truth, self.options = tuple(classes), truth, options

    @classmethod
    @abstractmethod
    def for_truth(cls, truth: Truth, options: TaskOptions) -> Task:
        """The task on what a data folder holds.

        Raises:
            DataError: the classes of the folder do not fit the task.
        """

    @property
    def has_void(self) -> bool:
        """Whether targets may hold pixels of unknown class, 255."""
        return self.truth is not None and self.truth.has_void

    @property
    def drawn(self) -> slice:
        """The channels that are drawn and written one by one: all but the background."""
        return slice(int(self.background), len(self.classes))

    @abstractmethod
    def encode(self, truth: np.ndarray, *, magnification: float = 1.0) -> np.ndarray:
        """[H, W, channels] as `truth` reads or resizes it → the encoded target of the class.

        Args:
            magnification: pixels of `truth` per pixel of what the network sees, along a side.
        """

    @abstractmethod
    def to_tensor(self, target: np.ndarray) -> Tensor:
        """Encoded target → what losses and scores receive: float32 [K, H, W] or int64 [H, W]; 255 is void."""

    @abstractmethod
    def batch_to_tensor(self, target: Tensor) -> Tensor:
        """Encoded targets [N, H, W, channels] uint8, on any device → a batch of what `to_tensor` gives, there."""

    @abstractmethod
    def foreground(self, target: np.ndarray) -> np.ndarray:
        """Encoded target → masks [H, W, drawn classes] uint8 {0, 1}; void is in none."""

    @abstractmethod
    def pixel_counts(self, target: np.ndarray) -> np.ndarray:
        """Encoded target → [K + 1] int64: pixels of each class, then all pixels that are not void."""

    @abstractmethod
    def decide(self, logits: Tensor, threshold: float | None = None) -> Tensor:
        """The prediction: logits [N, K, *space] → bool of the same shape.

        Args:
            threshold: as `checked_threshold` returns it, or None for the default.
        """

    @abstractmethod
    def checked_threshold(self, threshold: float | None) -> float | None:
        """The threshold that `decide` compares probabilities with; None where the task has none.

        Raises:
            ConfigError: one is given, and the task has none.
        """

    def counts(self, *, by_class: bool = True) -> SegmentationCounts:
        """A new accumulator of the task's scores; with `by_class` each class is also scored by itself."""
        return SegmentationCounts(self.classes if by_class else (), background=self.background)

    def confusion(self) -> ConfusionMatrix | None:
        """A new table of true against predicted classes; None where classes do not exclude each other."""
        return None
