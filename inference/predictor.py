"""The Python door: a run folder → an object that takes images and returns masks.

predictor = load_run("outputs/demo")
masks = predictor(image)
nuclei = masks["nucleus"]
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.device import Runtime, choose_runtime
from engine.runs.run_folder import RunFolder
from engine.schema.config import Config, arguments_of
from images.image_reader import ImageReader
from images.normalise import Normalisation
from images.resize import resize_image
from inference.masks import decision, masks_at_size, masks_of_strips, threshold_of
from inference.tiling import TiledModel
from models import build_model, fold_batch_norm, prune
from system.errors import CheckpointError, ConfigError
from system.names import faults_of_classes


@dataclass(frozen=True)
class Predictor:
    """A trained network together with everything that its training did to an image.

    Attributes:
        model: [N, C, h, w] → logits; in a run of crops it takes one image of any size and works in tiles. val.py
            scores with it, as train.py does; masks come from `folded`.
        reader, normalise, size: the steps from a file to the network's input; `size` is None in a run of crops.
        classes: names of the K channels.
        epoch: that the weights are of.
        batch_size: images that went through the network at once in the training.
    """

    model: nn.Module
    reader: ImageReader
    normalise: Normalisation
    size: tuple[int, int] | None
    classes: tuple[str, ...]
    config: Config
    runtime: Runtime
    epoch: int
    batch_size: int

    @cached_property
    def folded(self) -> nn.Module:
        """`model` with its batch norm folded into the convolutions: the same function, faster."""
        return fold_batch_norm(self.model)

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
                prepare = lambda tiles: self.normalise.planes(self.runtime.move_images(tiles))
                pixels = torch.from_numpy(np.require(image, requirements=("C", "W"))).permute(2, 0, 1)
                strips = self.folded.strips(pixels, device=self.runtime.device, prepare=prepare)
                return masks_of_strips(strips, (len(self.classes), *size), decide)
            images = self.normalise(resize_image(image, self.size))[None]
            logits = self.folded(self.runtime.move_images(images))[0].float()
        return masks_at_size(logits, size, decide).numpy()


def load_run(
    path: Path | str, *, device: str | None = None, precision: str | None = None, depth: int | None = None
) -> Predictor:
    """A run's `best.pth`, ready to predict.

    Args:
        path: run folder, such as outputs/demo.
        device, precision: instead of those that the run was configured with.
        depth: of UNet++ trained with deep supervision, prunes it to 1 … 4 levels below the first: see `models.prune`.

    Raises:
        ConfigError: the network cannot be pruned to that depth.
        CheckpointError: no such run, or its checkpoint is damaged, not whole, or names classes that no folder can have.
    """
    state = RunFolder(Path(path)).load("best")
    if faults := faults_of_classes(state.get("classes")):
        raise CheckpointError(f"{path}: best.pth names classes that no folder can have: {'; '.join(faults)}")
    try:
        config = Config.model_validate(state["config"])
        reader = ImageReader.from_dict(state["reader"])
        model = build_model(
            config.model.name,
            num_classes=len(state["classes"]),
            input_channels=reader.channels,
            **arguments_of(config.model),
        )
        model.load_state_dict(state["model"])
        normalise, epoch = Normalisation.from_dict(state["normalisation"]), int(state["epoch"])
        batch_size = config.train.part_size(max(1, int(state["machine"].get("processes", 1))))
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:  # pydantic's is a ValueError
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path}: best.pth is not a whole checkpoint of a run ({reason})") from error
    runtime = choose_runtime(device or config.train.device, precision or config.train.precision)
    if depth is not None:
        try:
            model = prune(model, depth)
        except (TypeError, ValueError) as error:
            raise ConfigError(str(error)) from error
    return Predictor(
        model=scoring_model(runtime.place(model).eval(), config),
        reader=reader,
        normalise=normalise,
        size=config.data.height_width,
        classes=tuple(state["classes"]),
        config=config,
        runtime=runtime,
        epoch=epoch,
        batch_size=batch_size,
    )


def scoring_model(model: nn.Module, config: Config) -> nn.Module:
    """The network as whole images go through it: itself at `data.size`, in tiles of `data.crop`."""
    tile = config.data.tile
    return model if tile is None else TiledModel(model, tile=tile, overlap=config.data.tile_overlap)
