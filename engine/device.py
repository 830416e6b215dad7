"""Where a run computes, and in which precision."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from system.errors import ConfigError
from system.hardware import default_device, default_precision, describe_device


@dataclass(frozen=True)
class Runtime:
    """A device, and the precision that networks run in on it; weights, losses and scores stay float32."""

    device: torch.device
    precision: str  # fp32, bf16 or fp16

    @property
    def on_cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def layout(self) -> torch.memory_format:
        """Channels last, which convolutions run fastest in; PyTorch's own on MPS, where it has not been measured."""
        return torch.contiguous_format if self.device.type == "mps" else torch.channels_last

    def place(self, model: nn.Module) -> nn.Module:
        """Moves a network here, in this layout."""
        return model.to(self.device, memory_format=self.layout)

    def move(self, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Moves a batch, [N, C, H, W] and its target, here without waiting for the copy."""
        return self.move_images(images), target.to(self.device, non_blocking=True)

    def move_images(self, images: Tensor) -> Tensor:
        return images.to(self.device, memory_format=self.layout, non_blocking=True)

    def autocast(self) -> AbstractContextManager:
        half = torch.float16 if self.precision == "fp16" else torch.bfloat16
        return torch.autocast(self.device.type, half, enabled=self.precision != "fp32")

    def __str__(self) -> str:
        return f"{describe_device(self.device)}, {self.precision}"


def choose_runtime(device: str = "auto", precision: str = "auto", *, deterministic: bool = False) -> Runtime:
    """The device and precision for `auto | cuda | mps | cpu` and `auto | fp32 | bf16 | fp16`.

    `auto` is CUDA where present, else the CPU; and bf16 where the hardware computes in it: elsewhere it is emulated and
    slow, and on MPS it has not been measured. It is never fp16, whose range is small.

    Args:
        deterministic: from now on this process computes only with kernels that give the same bits every time.

    Raises:
        ConfigError: CUDA or MPS is asked for and absent, or fp16 on MPS, where no optimiser is fused.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "train.device: cuda, but PyTorch sees no CUDA device here; use auto or cpu, or mend the driver"
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
    return Runtime(torch.device(name), default_precision(name) if precision == "auto" else precision)
