"""Measures the limits of the machine, and counts the work of a callable."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measure import wait_for

MATRIX_WORK = ("convolution", "bmm", "addmm", "mm")


@dataclass(frozen=True)
class Limits:
    """The measured limits of a machine.

    Attributes:
        convolution: operations per second of convolutions; a multiplication with its addition counts as 2.
        copy: bytes per second of a copy, read plus written.
    """

    convolution: float
    copy: float

    def __str__(self) -> str:
        return f"convolution {self.convolution / 1e9:,.0f} GFLOP/s, copy {self.copy / 1e9:,.1f} GB/s"


def measure_limits(device: str, precision: str) -> Limits:
    """Times the fastest of a few 3 × 3 convolutions, and a copy of 256 MiB into memory that is already allocated."""
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    rates = []
    for width, side in ((64, 48), (128, 24)):
        x = torch.randn(16, width, side, side, device=device, dtype=dtype).to(memory_format=torch.channels_last)
        weight = torch.randn(width, width, 3, 3, device=device, dtype=dtype).to(memory_format=torch.channels_last)
        operations = 2 * 9 * width * x.numel()
        rates.append(operations / _fastest(lambda x=x, weight=weight: F.conv2d(x, weight, padding=1), device))
    source = torch.zeros(2**26, device=device)
    target = torch.zeros_like(source)
    copied = 2 * source.nbytes / _fastest(lambda: target.copy_(source), device)
    return Limits(max(rates), copied)


def _fastest(function: Callable[[], object], device: str, calls: int = 15) -> float:
    times = []
    for _ in range(calls):
        wait_for(device)
        before = time.perf_counter()
        function()
        wait_for(device)
        times.append(time.perf_counter() - before)
    return min(times)


@dataclass(frozen=True)
class Work:
    """The work of a callable.

    Attributes:
        operations: number of operations of convolutions and matrix products.
        bytes: number of bytes that all other operators read and write.
    """

    operations: float
    bytes: float

    def shares(self, seconds: float, limits: Limits) -> tuple[float, float]:
        """Returns the shares of `seconds` that this work would take at the limits of convolution and of copying."""
        return self.operations / limits.convolution / seconds, self.bytes / limits.copy / seconds


def count_work(function: Callable[[], object]) -> Work:
    """Calls `function` once and adds up the work of its operators."""
    with FlopCounterMode(display=False) as operations, _Traffic() as traffic:
        function()
    return Work(operations.get_total_flops(), traffic.bytes)


class _Traffic(TorchDispatchMode):
    """Adds up the bytes that every operator reads and writes, except views and matrix work."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # noqa: ANN001, ANN204 as torch declares it
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if not func.is_view and not any(work in name for work in MATRIX_WORK) and not name.startswith("empty"):
            tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
            self.bytes += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return result
