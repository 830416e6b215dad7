"""The device that a run computes on, and its precision."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from system.errors import ConfigError
from system.machine.hardware import (
    cpu_capability,
    default_device,
    default_layout,
    default_precision,
    default_weight_gradient,
    describe_device,
)

FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


@dataclass(frozen=True)
class Runtime:
    """A device, and how networks compute on it. Weights, losses and scores stay float32.

    Attributes:
        precision: fp32, bf16 or fp16.
        layout: the memory layout of images and weights, channels_last or contiguous.
        weight_gradient: how convolutions compute the gradient of their weights; see `models.convolution`. Like the
            layout, it decides the last bits of a training.
    """

    device: torch.device
    precision: str
    layout: str = "channels_last"
    weight_gradient: str = "direct"

    @property
    def on_cuda(self) -> bool:
        return self.device.type == "cuda"

    def place(self, model: nn.Module) -> nn.Module:
        """Moves a network to this device and into this layout, and sets the way of its weight gradients."""
        for module in model.modules():
            if hasattr(module, "weight_gradient"):
                module.weight_gradient = self.weight_gradient
        return model.to(self.device, memory_format=FORMATS[self.layout])

    def for_prediction(self) -> Runtime:
        """Returns the same device and precision with the layout that predicts fastest."""
        return replace(self, layout=default_layout(self.device.type))

    def move(self, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Moves a batch, images [N, C, H, W] and their target, to this device without waiting for the copy."""
        return self.move_images(images), target.to(self.device, non_blocking=True)

    def move_list(self, images: Sequence[Tensor], targets: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Moves several such batches."""
        moved = [self.move(*pair) for pair in zip(images, targets, strict=True)]
        return [image for image, _ in moved], [target for _, target in moved]

    def move_images(self, images: Tensor) -> Tensor:
        return images.to(self.device, memory_format=FORMATS[self.layout], non_blocking=True)

    def autocast(self) -> AbstractContextManager:
        half = torch.float16 if self.precision == "fp16" else torch.bfloat16
        return torch.autocast(self.device.type, half, enabled=self.precision != "fp32")

    def __str__(self) -> str:
        return f"{describe_device(self.device)}, {self.precision}"


def choose_runtime(
    device: str = "auto",
    precision: str = "auto",
    *,
    layout: str = "auto",
    weight_gradient: str = "auto",
    deterministic: bool = False,
) -> Runtime:
    """Chooses the device from `auto | cuda | mps | cpu` and the precision from `auto | fp32 | bf16 | fp16`.

    The functions `default_…` in system/machine/hardware.py say what `auto` means. They follow what the hardware can do
    and never a timing, so that two starts give the same bits.

    Args:
        layout: `auto`, `channels_last` or `contiguous`.
        weight_gradient: `auto`, `direct`, `swapped` or `products`.
        deterministic: from now on this process uses only algorithms that give the same bits every time.

    Raises:
        ConfigError: this machine has no such device, or fp16 is asked for on MPS, where no optimiser is fused.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "train.device: cuda, but PyTorch sees no CUDA device here; use auto or cpu, or repair the driver"
        )
    if device == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("train.device: mps, but PyTorch sees no Apple GPU here; use auto or cpu")
    if device == "mps" and precision == "fp16":
        raise ConfigError("train.precision: fp16 needs a CUDA device or the CPU; on mps use fp32")
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when it starts
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
    name = default_device() if device == "auto" else device
    precision = default_precision(name) if precision == "auto" else precision
    layout = default_layout(name) if layout == "auto" else layout
    if weight_gradient == "auto":
        weight_gradient = default_weight_gradient(name, precision, layout, cpu_capability())
    return Runtime(torch.device(name), precision, layout, weight_gradient)
