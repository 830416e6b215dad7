"""Predictors of small networks that nobody has trained, without files."""

import numpy as np
import torch
from support.networks import randomised

from engine.device import choose_runtime
from images.image_reader import ImageReader
from images.normalise import Normalisation
from inference.cells.decoding import decoding_by
from inference.predictor import Predictor
from inference.tiling import TiledModel
from models import build_model, prune
from tasks import load_task


class Chosen:
    """Stands for a `ChosenDecoding`."""

    def __init__(self, how):
        self.how = how


def predictor_of(task, *, size=(20, 28), overlap=None, channels=3, depth=None, **network):
    """The predictor of a narrow network on the CPU in fp32; with `overlap` it works in tiles of `size`."""
    torch.manual_seed(0)
    kind = load_task(task)(
        ("background", "a", "b") if task == "multiclass" else ("a", "b")[: 1 + (task == "multilabel")]
    )
    model = randomised(build_model(num_classes=len(kind.channels), input_channels=channels, **network)).float()
    model = model if depth is None else prune(model, depth)
    return Predictor(
        model=model if overlap is None else TiledModel(model, tile=size, overlap=overlap),
        task=kind,
        reader=ImageReader(channels),
        normalise=Normalisation((0.4,) * channels, tuple(0.2 + 0.05 * c for c in range(channels))),
        size=size if overlap is None else None,
        runtime=choose_runtime("cpu", "fp32"),
        epoch=1,
        decoding=Chosen(decoding_by("distance")) if task == "distance" else None,
    )


def pixels_of(count, channels=3, size=(20, 28), seed=0):
    """Noise, [count, channels, *size] uint8."""
    return np.random.default_rng(seed).integers(0, 256, (count, channels, *size), np.uint8)
