"""Compares an exported file with the network that it came from: logits of single tiles, and masks of whole images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from images.image_reader import ImageFile
from images.normalise import Normalisation
from inference.predictor import Predictor
from inference.tiling import TiledModel
from system.errors import DataError

Run = Callable[[np.ndarray], np.ndarray]  # pixels [N, C, height, width] float32 → logits
BATCHES = (1, 3)
ALLOWED = 1e-3  # largest difference of a logit, as a share of the largest logit, or of 1 if that is smaller


@dataclass(frozen=True)
class Comparison:
    """How far a file is from the network that it came from.

    Attributes:
        difference: the largest difference of a logit.
        largest: the largest logit, without its sign.
        images, pixels: what was compared.
        differing: the number of pixels with another mask; None if only logits were compared.
        at_differing: the largest difference of a logit at these pixels.
    """

    difference: float = 0.0
    largest: float = 0.0
    images: int = 0
    pixels: int = 0
    differing: int | None = None
    at_differing: float = 0.0

    def with_logits(self, ours: Tensor, theirs: Tensor) -> Comparison:
        """Returns the comparison with further logits, of any equal shape."""
        difference = float((ours - theirs).abs().max())
        if not difference < float("inf"):
            difference = float("inf")  # NaN would be lost in a maximum
        return replace(
            self,
            difference=max(self.difference, difference),
            largest=max(self.largest, float(ours.abs().max())),
        )

    def with_masks(self, ours: Tensor, theirs: Tensor, masks: tuple[Tensor, Tensor]) -> Comparison:
        """Returns the comparison with further logits [K, H, W] and the masks that they become, [classes, H, W] bool."""
        other = (masks[0] != masks[1]).any(0)
        at_other = float((ours - theirs).abs()[:, other].max()) if other.any() else 0.0
        return replace(
            self.with_logits(ours, theirs),
            pixels=self.pixels + other.numel(),
            differing=(self.differing or 0) + int(other.sum()),
            at_differing=max(self.at_differing, at_other),
        )

    def require_equal(self, name: str) -> None:
        """Raises DataError if the difference is more than rounding explains."""
        if self.difference > ALLOWED * max(1.0, self.largest):
            raise DataError(
                f"{name}: its logits differ by up to {self.difference:.2g} from those of the run, and the largest "
                f"logit is {self.largest:.3g}; nothing was written. The exporter or the runtime has a fault: try "
                "another version of it, or another --format"
            )

    def sentence(self, name: str) -> str:
        """Returns the result as a sentence for a terminal and for the model card."""
        text = f"{name}: the largest difference of a logit is {self.difference:.2g}; logits reach {self.largest:.3g}."
        if self.differing is None:
            return f"{text} Masks were not compared, because the images were not there."
        where = f" They are ties: there, the logits differ by at most {self.at_differing:.2g} from ours."
        return (
            f"{text} Of {self.pixels:,} pixels in {self.images} images, {self.differing:,} have another mask."
            f"{where if self.differing else ''}"
        )


class _WithinFile(Normalisation):
    """Leaves pixels as they are, because the file normalises them."""

    def planes(self, pixels: Tensor) -> Tensor:
        return pixels.float()


class _FileNetwork(nn.Module):
    """The function of a file as a module, for code that expects one."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.from_numpy(self.run(pixels.contiguous().numpy()))


class FilePredictor(Predictor):
    """Predicts as a run does, but with the network of an exported file."""

    @cached_property
    def folded(self) -> nn.Module:
        return self.model

    @classmethod
    def of(cls, predictor: Predictor, run: Run) -> FilePredictor:
        """Returns the predictor of a file that came from the run of another predictor."""
        network, tiled = _FileNetwork(run), predictor.model
        if isinstance(tiled, TiledModel):
            network = TiledModel(network, tile=tiled.tile, overlap=tiled.overlap)
        return cls(
            model=network,
            task=predictor.task,
            reader=predictor.reader,
            normalise=_WithinFile((), ()),
            size=predictor.size,
            runtime=predictor.runtime,
            epoch=predictor.epoch,
            decoding=predictor.decoding,
        )


def compare(
    predictor: Predictor,
    model: nn.Module,
    files: dict[str, Run],
    *,
    tiles: np.ndarray,
    images: Sequence[Path | ImageFile],
    advance: Callable[[], object] = lambda: None,
) -> dict[str, Comparison]:
    """Compares files with the network that they came from.

    Args:
        predictor: of the run, on the CPU in fp32.
        model: pixels → logits, the network that the files came from.
        files: name → function of the file.
        tiles: [N, C, height, width] float32 from 0 to 255; they are compared in batches of 1 and 3.
        images: files whose masks are compared, which may be none.
        advance: is called after each image.
    """
    found = {name: _compare_tiles(model, run, tiles) for name, run in files.items()}
    others = {name: FilePredictor.of(predictor, run) for name, run in files.items()}
    for image in images:
        ours = list(predictor.strips(image))
        for name, other in others.items():
            found[name] = _compare_image(predictor, found[name], ours, other.strips(image))
        advance()
    return found


@torch.inference_mode()
def _compare_tiles(model: nn.Module, run: Run, tiles: np.ndarray) -> Comparison:
    found = Comparison()
    for batch in BATCHES:
        for first in range(0, len(tiles), batch):
            pixels = np.ascontiguousarray(tiles[first : first + batch])
            found = found.with_logits(model(torch.from_numpy(pixels)), torch.from_numpy(run(pixels)))
    return found


def _compare_image(
    predictor: Predictor, found: Comparison, ours: Sequence[Tensor], theirs: Iterable[Tensor]
) -> Comparison:
    for one, other in zip(ours, theirs, strict=True):
        masks = tuple(predictor.task.decide(logits[None])[0] for logits in (one, other))
        found = found.with_masks(one, other, masks)
    return replace(found, images=found.images + 1)
