"""Networks turn images [N, C, H, W] into logits [N, K, H, W]. No network applies a sigmoid or softmax itself.

`MODELS` can be read without torch, so that a wrong configuration is refused before torch loads. A new network needs its
own file, one line in this table, and its tests.
"""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import dataclass

from system.lazy import load

if typing.TYPE_CHECKING:
    from torch import nn

NORMS = ("batch", "group")  # of the blocks; models.norms builds them
FILTERS = (32, 64, 128, 256, 512)  # widths of the five levels in Zhou et al. 2018, top first


@dataclass(frozen=True)
class ModelEntry:
    """Says where a network is.

    Attributes:
        where: "module:Class"; it is imported when the network is built.
        paper: (citation, DOI) of the paper that describes it.
        deep_supervision: whether the network can have several heads. Its class then takes the keyword
            `deep_supervision`.
    """

    where: str
    paper: tuple[str, str]
    deep_supervision: bool = False


MODELS: dict[str, ModelEntry] = {
    "UNet": ModelEntry(
        "models.unet:UNet",
        (
            "Ronneberger, Fischer, Brox 2015, U-Net: Convolutional Networks for Biomedical Image Segmentation",
            "10.1007/978-3-319-24574-4_28",
        ),
    ),
    "NestedUNet": ModelEntry(
        "models.nested_unet:NestedUNet",
        (
            "Zhou et al. 2018, UNet++: A Nested U-Net Architecture for Medical Image Segmentation",
            "10.1007/978-3-030-00889-5_1",
        ),
        deep_supervision=True,
    ),
}
# Encoders of torchvision → the widths of their five levels, of which the first has half of the image's side. An encoder
# stands in place of a network's own path down. Another one needs a line here, and its row in docs/reference.md.
ENCODERS: dict[str, tuple[int, ...]] = {
    "resnet18": (64, 64, 128, 256, 512),
    "resnet34": (64, 64, 128, 256, 512),
    "resnet50": (64, 256, 512, 1024, 2048),
}
# This package also offers these functions. They are imported when they are first used (PEP 562).
ELSEWHERE = {
    "fold_batch_norm": "models.folding:fold_batch_norm",
    "prune": "models.nested_unet:prune",
    "downloaded_weights": "models.encoders:downloaded_weights",
}


def __getattr__(name: str) -> object:
    if name in MODELS:
        return load(MODELS[name].where)
    if name in ELSEWHERE:
        return load(ELSEWHERE[name])
    raise AttributeError(f"module 'models' has no attribute {name!r}")


def depth_of(filters: Sequence[int], encoder: str | None = None) -> int:
    """Returns how many times a network halves the image. An encoder has one level more than the decoder has widths."""
    return len(filters) - (encoder is None)


def size_of_deepest(depth: int, height: int, width: int) -> tuple[int, int]:
    """Returns (H, W) of the deepest level of a network that halves the padded image `depth` times."""
    side = 2**depth
    return -(-height // side), -(-width // side)


def build_model(
    name: str,
    *,
    num_classes: int = 1,
    input_channels: int = 3,
    filters: Sequence[int] = FILTERS,
    deep_supervision: bool = False,
    norm: str = "batch",
    encoder: str | None = None,
) -> nn.Module:
    """Builds the network called `name`. Every network takes the same keywords.

    Args:
        encoder: a key of `ENCODERS`, which takes the place of the network's own path down; `filters` are then the
            widths of the path up alone, from the image's own size downwards.

    Raises:
        ValueError: there is no such network, normalisation or encoder, or the network has a single head and deep
            supervision is asked for.
    """
    if name not in MODELS:
        raise ValueError(f"model {name!r} is unknown; allowed are {', '.join(MODELS)}")
    if encoder is not None and encoder not in ENCODERS:
        raise ValueError(f"encoder {encoder!r} is unknown; allowed are {', '.join(ENCODERS)}")
    network = load(MODELS[name].where)
    if MODELS[name].deep_supervision:
        return network(
            num_classes, input_channels, filters, deep_supervision=deep_supervision, norm=norm, encoder=encoder
        )
    if deep_supervision:
        able = [other for other, entry in MODELS.items() if entry.deep_supervision]
        raise ValueError(f"{name} has one head; deep supervision needs {' or '.join(able)}")
    return network(num_classes, input_channels, filters, norm=norm, encoder=encoder)
