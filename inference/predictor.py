"""The Python door: a run folder → an object that takes images and returns masks.

predictor = load_run("outputs/demo")
masks = predictor(image)
nuclei = masks["nucleus"]
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from datasets.image_reader import ImageReader
from datasets.normalise import Normalisation
from datasets.resize import resize_image
from engine.config import Config, arguments_of
from engine.device import Runtime, choose_runtime
from engine.run_folder import RunFolder
from inference.masks import decision, masks_at_size, threshold_of
from inference.tiling import TiledModel
from models import build_model


@dataclass(frozen=True)
class Predictor:
    """A trained network together with everything that its training did to an image.

    Attributes:
        model: [N, C, h, w] → logits; in a run of crops it takes one image of any size and works in tiles.
        reader, normalise, size: the steps from a file to the network's input; `size` is None in a run of crops.
        classes: names of the K channels.
        epoch: that the weights are of.
    """

    model: nn.Module
    reader: ImageReader
    normalise: Normalisation
    size: tuple[int, int] | None
    classes: tuple[str, ...]
    config: Config
    runtime: Runtime
    epoch: int

    def __call__(self, image: np.ndarray, *, threshold: float | None = None) -> dict[str, np.ndarray]:
        """Masks of one image, {class: [H, W] bool}; in a multiclass run exactly one of them is true at each pixel.

        Args:
            image: [H, W] or [H, W, C] (grey, RGB or RGBA) of any integer or floating dtype.
            threshold: probability in (0, 1) above which a pixel belongs to a class, 0.5 by default; multiclass runs
                have none.

        Raises:
            ConfigError: a threshold for a multiclass run.
            ValueError: another shape, or pixels that are no finite numbers.
        """
        image = image[..., None] if image.ndim == 2 else image
        if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or 0 in image.shape:
            raise ValueError(f"an image [H, W] or [H, W, C] with 1, 3 or 4 channels is expected, got {image.shape}")
        if not np.isfinite(image).all():
            raise ValueError("the image has pixels that are NaN or infinite")
        masks = self.masks(self.reader.convert(image[..., :3]), threshold=threshold)
        return dict(zip(self.classes, masks, strict=True))

    @property
    def task(self) -> str:
        return self.config.task

    @torch.inference_mode()
    def masks(self, image: np.ndarray, *, threshold: float | None = None) -> np.ndarray:
        """[H, W, channels] uint8, as `reader` gives it → [K, H, W] bool, one channel per name in `classes`.

        Binary has one, multilabel several that may overlap, and multiclass several of which exactly one is true at
        each pixel; the first is the background. `threshold` as of a call.
        """
        decide, size = decision(threshold_of(self.task, threshold)), image.shape[:2]
        with self.runtime.autocast():
            if self.size is None:
                strips = self.model.strips(lambda top, bottom: self._network_input(image[top:bottom])[0], size)
                return np.concatenate([decide(strip[None])[0].cpu().numpy() for strip in strips], axis=1)
            logits = self.model(self._network_input(resize_image(image, self.size)))[0].float()
        return masks_at_size(logits, size, decide).numpy()

    def _network_input(self, image: np.ndarray) -> Tensor:
        return self.runtime.move_images(self.normalise(image)[None])


def load_run(path: Path | str, *, device: str | None = None, precision: str | None = None) -> Predictor:
    """A run's `best.pth`, ready to predict.

    Args:
        path: run folder, such as outputs/demo.
        device, precision: instead of those that the run was configured with.

    Raises:
        CheckpointError: no such run, or its checkpoint is damaged.
    """
    state = RunFolder(Path(path)).load("best")
    config = Config.model_validate(state["config"])
    runtime = choose_runtime(device or config.train.device, precision or config.train.precision)
    reader = ImageReader.from_dict(state["reader"])
    model = build_model(
        config.model.name,
        num_classes=len(state["classes"]),
        input_channels=reader.channels,
        **arguments_of(config.model),
    )
    model.load_state_dict(state["model"])
    return Predictor(
        model=scoring_model(runtime.place(model).eval(), config),
        reader=reader,
        normalise=Normalisation.from_dict(state["normalisation"]),
        size=config.data.height_width,
        classes=tuple(state["classes"]),
        config=config,
        runtime=runtime,
        epoch=state["epoch"],
    )


def scoring_model(model: nn.Module, config: Config) -> nn.Module:
    """The network as whole images go through it: itself at `data.size`, in tiles of `data.crop`."""
    tile = config.data.tile
    return model if tile is None else TiledModel(model, tile=tile, overlap=config.data.tile_overlap)
