"""A predictor turns an image into masks and cells. `saved_run.load_run` makes one from the folder of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine.device import Runtime
from images.image_reader import ImageFile, ImageReader
from images.normalise import Normalisation
from images.regions import open_rows
from images.resize import resize_image, resize_logits
from images.statistics.table import ImageTable
from inference.cells.decode_file import ChosenDecoding
from inference.engines import in_openvino, network_in
from inference.image_predictor import ImagePredictor
from inference.integers import ranges_of
from inference.prediction import Inputs
from inference.tiling import pad_to_tile
from models import fold_batch_norm
from tasks.task import Task


@dataclass(frozen=True)
class Predictor(ImagePredictor):
    """A trained network, together with the steps that its training applied to every image.

    Attributes:
        model: [N, C, h, w] → logits. If the run was trained on crops, the model takes one image of any size and works
            in tiles. val.py scores with it, as train.py does; masks come from `folded`.
        reader, normalise, size: the steps from a file to the network's input; `size` is None after training on crops.
        runtime: where the network computes, in which precision, and in the layout of the training.
        epoch: the epoch after which the weights were saved.
        statistics: of the training images; None if the run has none.
        engine: what computes `folded`; see `inference.engines`.
    """

    model: nn.Module
    task: Task
    reader: ImageReader
    normalise: Normalisation
    size: tuple[int, int] | None
    runtime: Runtime
    epoch: int
    decoding: ChosenDecoding | None = None
    statistics: ImageTable | None = None
    engine: str = "torch"

    @property
    def members(self) -> tuple[Predictor, ...]:
        return (self,)

    @cached_property
    def fastest(self) -> Runtime:
        """Where `folded` computes: as `runtime`, in the layout that predicts fastest."""
        return self.runtime.for_prediction()

    @cached_property
    def folded(self) -> nn.Module:
        """`model` with its batch norm folded into the convolutions; it computes the same function faster."""
        folded = fold_batch_norm(self.model)
        if self.engine == "torch":
            return self.fastest.place(folded)
        shape = (self.reader.channels, *(self.size or self.model.tile))
        ranges = None
        if self.engine == "openvino-int8":
            darkest, brightest = (self.normalise.planes(torch.full(shape, level)) for level in (0, 255))
            ranges = ranges_of(network_in(self.model), darkest, brightest)
        return in_openvino(folded, shape, self.runtime.precision, ranges)

    @property
    def network(self) -> nn.Module:
        """The folded network that whole resized images or single tiles go through."""
        return self.folded if self.size is not None else self.folded.model

    def strips(self, image: np.ndarray | Path | ImageFile) -> Iterator[Tensor]:
        prepare = lambda tiles: self.normalise.planes(self.fastest.move_images(tiles))
        with ExitStack() as opened:
            if not isinstance(image, np.ndarray):
                pixels = opened.enter_context(open_rows(image, self.reader))
                image = pixels.rows(0, pixels.shape[0]) if self.size is not None else None
            else:
                image = self.reader.convert(image)
                pixels = planes_of(image)
            if self.size is not None:
                yield self._resized_logits(image)
                return
            strips = self.folded.strips(pixels, device=self.runtime.device, prepare=prepare)
            while True:
                with self._computing():
                    strip = next(strips, None)
                if strip is None:
                    return
                yield strip

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Returns a context without gradients and in the precision of the run.

        `strips` must leave it before it yields: leaving the inference mode of torch resets the precision of the caller.
        """
        with torch.inference_mode(), self.runtime.autocast():
            yield

    def _resized_logits(self, image: np.ndarray) -> Tensor:
        """Predicts an image [H, W, C], resized to the input of the network → logits [K, H, W] float32 on the CPU."""
        images = self.normalise(resize_image(image, self.size))[None]
        with self._computing():
            logits = self.folded(self.fastest.move_images(images))[0].float()
        return resize_logits(logits, image.shape[:2])

    def inputs_of(self, image: np.ndarray) -> Inputs | None:
        found = self.input_of(image)
        return None if found is None else (found,)

    def input_of(self, image: np.ndarray) -> Tensor | None:
        """Returns an image as the network sees it, [channels, h, w] uint8; None if it is larger than a tile."""
        image = self.reader.convert(image)
        if self.size is not None:
            return planes_of(resize_image(image, self.size))
        if image.shape[0] > self.model.tile[0] or image.shape[1] > self.model.tile[1]:
            return None
        return pad_to_tile(planes_of(image), self.model.tile)

    def logits_together(self, inputs: Sequence[Inputs], sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
        images = self.fastest.move_images(torch.stack([planes for (planes,) in inputs]))
        with self._computing():
            found = self.network(self.normalise.planes(images)).float()
        if self.size is not None:
            return [resize_logits(logits, size) for logits, size in zip(found, sizes, strict=True)]
        return [logits[:, :height, :width] for logits, (height, width) in zip(found, sizes, strict=True)]


def planes_of(image: np.ndarray) -> Tensor:
    """Returns the planes of an image [H, W, C] as a tensor [C, H, W], without a copy if torch can use its memory."""
    return torch.from_numpy(np.require(image, requirements=("C", "W"))).permute(2, 0, 1)
