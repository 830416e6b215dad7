"""What turns images into masks and cells, whatever computes the logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from images.image_reader import ImageFile, ImageReader
from images.regions import size_of_regions
from inference.cells.decode_file import ChosenDecoding
from inference.cells.decoding import Objects, decode
from inference.inputs import ImageLike, image_of
from inference.prediction import Computed, Inputs, Prediction
from system.errors import ConfigError
from tasks import tasks_with_cells
from tasks.task import Task


class ImagePredictor(ABC):
    """Turns images into masks and cells. A subclass computes the logits.

    Attributes:
        task: what the channels of the logits mean.
        reader: turns images as files hold them into those that the first network sees.
        decoding: how maps become cells; None if the task has none.
        members: the predictors of single runs, see `inference.predictor`.
    """

    task: Task
    reader: ImageReader
    decoding: ChosenDecoding | None
    members: tuple[ImagePredictor, ...]

    @abstractmethod
    def strips(self, image: np.ndarray | Path | ImageFile) -> Iterator[Tensor]:
        """Yields the logits of an image at its own size, in strips [C, rows, W] float32 from top to bottom.

        Args:
            image: [H, W, channels] as a file holds it, of any dtype; or the file, which need not fit into the memory.
        """

    @abstractmethod
    def logits_together(self, inputs: Sequence[Inputs], sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
        """Computes the logits of several images in one batch, and returns those of each, [C, H, W] float32.

        Args:
            inputs: what `inputs_of` returned for each image; all of the same shapes.
            sizes: (H, W) of each image.
        """

    @abstractmethod
    def inputs_of(self, image: np.ndarray) -> Inputs | None:
        """Returns what the networks see of an image, if it goes through each of them in one piece; otherwise None."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the K classes."""
        return self.task.classes

    def __call__(self, image: ImageLike, *, threshold: float | None = None) -> dict[str, np.ndarray]:
        """Returns the masks of one image, {class: [H, W] bool}. In a multiclass run exactly one is true at each pixel.

        Args:
            image: a NumPy array [H, W] or [H, W, C], a torch tensor [H, W] or [C, H, W] on any device, or the path of
                a file; see `inference.inputs`. Grey, RGB or RGBA, of any integer or floating dtype; or in a run of
                other channels these channels in their order.
            threshold: probability in (0, 1) above which a pixel belongs to a class, 0.5 by default; multiclass runs
                have none.

        Raises:
            ConfigError: a threshold is given for a multiclass run, or it is not between 0 and 1.
            TypeError: the image is of another type, such as a list, or its pixels are bool or complex.
            ValueError: the image has another shape, or pixels that are not finite numbers.
            FileError: the file cannot be used.
        """
        return dict(zip(self.classes, self.masks(image, threshold=threshold), strict=True))

    def masks(self, image: ImageLike, *, threshold: float | None = None) -> np.ndarray:
        """Returns the masks of one image, [K, H, W] bool, with one channel per name in `classes`.

        A binary run has one channel. A multilabel run has several, which may overlap. A multiclass run has several, of
        which exactly one is true at each pixel; the first of them is the background. Arguments and errors are those of
        `__call__`.
        """
        threshold = self.task.checked_threshold(threshold)
        strips = self.strips(image_of(image, self.reader))
        return np.concatenate([self.masks_of(strip, threshold) for strip in strips], axis=1)

    def probabilities(self, image: ImageLike) -> dict[str, np.ndarray]:
        """Returns the probability of each class in one image, {class: [H, W] float32 in [0, 1]}.

        In a multiclass run they sum to 1 at each pixel. A run with cells has the probability of the foreground here;
        its second map is in `maps`. The image and the errors are those of `__call__`.
        """
        return dict(zip(self.classes, self.maps(image)[: len(self.classes)], strict=True))

    def maps(self, image: ImageLike) -> np.ndarray:
        """Returns the maps of one image, [C, H, W] float32 in [0, 1], such as the probability of each class.

        The channels are those of `task.channels`. The image and the errors are those of `__call__`.
        """
        return np.concatenate([self.maps_of(strip) for strip in self.strips(image_of(image, self.reader))], axis=1)

    def cells(self, image: ImageLike) -> Objects:
        """Returns the cells of one image: `labels` [H, W] int32, where 0 is background, and `confidences` [n] float32.

        The image and the errors are those of `__call__`.

        Raises:
            ConfigError: the task of the run has no cells.
        """
        return decode(self.maps(image), self.require_cells().how)

    def require_cells(self) -> ChosenDecoding:
        """Returns how maps become cells.

        Raises:
            ConfigError: the task has no cells.
        """
        if self.decoding is None:
            able = ", ".join(tasks_with_cells())
            raise ConfigError(f"the task of this run has masks but no cells; cells come from task: {able}")
        return self.decoding

    def predict(self, image: ImageLike, *, threshold: float | None = None) -> Prediction:
        """Returns the masks and the cells of one image. Arguments and errors are those of `__call__`."""
        return self.decoded(self.computed(image, threshold=threshold))

    def computed(self, image: ImageLike, *, threshold: float | None = None) -> Computed:
        """Does the part of `predict` that needs the network."""
        threshold, image = self.task.checked_threshold(threshold), image_of(image, self.reader)
        size = image.shape[:2] if isinstance(image, np.ndarray) else size_of_regions(image, self.reader)
        masks = np.empty((len(self.classes), *size), bool)
        maps = None if self.decoding is None else np.empty((len(self.task.channels), *size), np.float32)
        self.fill(image, masks, maps, threshold=threshold)
        return Computed(masks, maps)

    def fill(
        self,
        image: np.ndarray | Path | ImageFile,
        masks: np.ndarray,
        maps: np.ndarray | None,
        *,
        threshold: float | None,
    ) -> None:
        """Writes the masks and maps of an image into arrays of its size, which may lie in files.

        Args:
            image: as `strips` takes it.
            masks: [K, H, W] bool.
            maps: [C, H, W] float32; or unsigned integers, whose highest number stands for 1; None leaves them out.
            threshold: one that the task has checked.
        """
        top = 0
        for strip in self.strips(image):
            rows = np.s_[:, top : (top := top + strip.shape[1])]
            masks[rows] = self.masks_of(strip, threshold)
            if maps is not None:
                found = self.maps_of(strip)
                maps[rows] = np.rint(found * np.iinfo(maps.dtype).max) if maps.dtype.kind == "u" else found

    def computed_together(
        self, inputs: Sequence[Inputs], sizes: Sequence[tuple[int, int]], *, threshold: float | None = None
    ) -> list[Computed]:
        """Does the same for several images, whose `inputs_of` have the same shapes.

        The masks and maps of an image do not depend on the other images, except for the last bits of the logits: with
        the size of a batch, the kernels may add in another order.
        """
        return [
            Computed(self.masks_of(logits, threshold), None if self.decoding is None else self.maps_of(logits))
            for logits in self.logits_together(inputs, sizes)
        ]

    def decoded(self, computed: Computed) -> Prediction:
        """Does the part of `predict` that needs no network; several threads may call it."""
        return Prediction(computed.masks, None if computed.maps is None else decode(computed.maps, self.decoding.how))

    def masks_of(self, logits: Tensor, threshold: float | None) -> np.ndarray:
        """Turns logits [C, H, W] into masks [K, H, W] bool; the threshold is one that the task has checked."""
        return self.task.decide(logits[None], threshold)[0].cpu().numpy()

    def maps_of(self, logits: Tensor) -> np.ndarray:
        """Turns logits [C, H, W] into maps of the same shape, float32 in [0, 1]."""
        return self.task.maps(logits[None])[0].cpu().numpy()
