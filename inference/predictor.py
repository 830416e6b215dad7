"""A predictor turns an image into masks with a trained network. `saved_run.load_run` makes one from a run folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from torch import nn

from engine.device import Runtime
from images.image_reader import ImageReader
from images.normalise import Normalisation
from images.resize import resize_image
from inference.masks import masks_at_size, masks_of_strips
from models import fold_batch_norm
from tasks.task import Task


@dataclass(frozen=True)
class Predictor:
    """A trained network, together with the steps that its training applied to every image.

    Attributes:
        model: [N, C, h, w] → logits. If the run was trained on crops, the model takes one image of any size and works
            in tiles. val.py scores with it, as train.py does; masks come from `folded`.
        task: what the channels of the logits mean.
        reader, normalise, size: the steps from a file to the network's input; `size` is None after training on crops.
        runtime: where the network computes, and in which precision.
        epoch: the epoch after which the weights were saved.
    """

    model: nn.Module
    task: Task
    reader: ImageReader
    normalise: Normalisation
    size: tuple[int, int] | None
    runtime: Runtime
    epoch: int

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the K channels."""
        return self.task.classes

    @cached_property
    def folded(self) -> nn.Module:
        """`model` with its batch norm folded into the convolutions; it computes the same function faster."""
        return fold_batch_norm(self.model)

    def __call__(self, image: np.ndarray, *, threshold: float | None = None) -> dict[str, np.ndarray]:
        """Returns the masks of one image, {class: [H, W] bool}. In a multiclass run exactly one is true at each pixel.

        Args:
            image: [H, W] or [H, W, C] (grey, RGB or RGBA) of any integer or floating dtype.
            threshold: probability in (0, 1) above which a pixel belongs to a class, 0.5 by default; multiclass runs
                have none.

        Raises:
            ConfigError: a threshold is given for a multiclass run.
            ValueError: the image has another shape, or pixels that are not finite numbers.
        """
        image = image[..., None] if image.ndim == 2 else image
        if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or 0 in image.shape:
            raise ValueError(f"an image [H, W] or [H, W, C] with 1, 3 or 4 channels is expected, got {image.shape}")
        if not np.isfinite(image).all():
            raise ValueError("the image has pixels that are NaN or infinite")
        masks = self.masks(self.reader.convert(image[..., :3]), threshold=threshold)
        return dict(zip(self.classes, masks, strict=True))

    @torch.inference_mode()
    def masks(self, image: np.ndarray, *, threshold: float | None = None) -> np.ndarray:
        """Returns the masks of one image, [K, H, W] bool, with one channel per name in `classes`.

        A binary run has one channel. A multilabel run has several, which may overlap. A multiclass run has several, of
        which exactly one is true at each pixel; the first of them is the background.

        Args:
            image: [H, W, channels] uint8, as `reader` returns it.
            threshold: see `__call__`.
        """
        decide = partial(self.task.decide, threshold=self.task.checked_threshold(threshold))
        size = image.shape[:2]
        with self.runtime.autocast():
            if self.size is None:
                prepare = lambda tiles: self.normalise.planes(self.runtime.move_images(tiles))
                pixels = torch.from_numpy(np.require(image, requirements=("C", "W"))).permute(2, 0, 1)
                strips = self.folded.strips(pixels, device=self.runtime.device, prepare=prepare)
                return masks_of_strips(strips, (len(self.classes), *size), decide)
            images = self.normalise(resize_image(image, self.size))[None]
            logits = self.folded(self.runtime.move_images(images))[0].float()
        return masks_at_size(logits, size, decide).numpy()
