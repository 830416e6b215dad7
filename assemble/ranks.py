"""Refuses settings that the processes of a training cannot train with."""

from __future__ import annotations

import torch

from engine.device import Runtime
from engine.distributed import Ranks
from system.errors import ConfigError


def require_fitting(ranks: Ranks, *, batch_size: int, accumulate: int, sync_batch_norm: bool, runtime: Runtime) -> None:
    """Raises ConfigError if these ranks cannot train with these settings of the section `train` on this device."""
    divisor = ranks.count * accumulate
    if batch_size % divisor:
        lower, upper = batch_size // divisor * divisor, -(-batch_size // divisor) * divisor
        raise ConfigError(
            f"train.batch_size is {batch_size}, for all {ranks.count} processes together; it has to be divisible by "
            f"processes × train.accumulate = {divisor}, such as {' or '.join(str(n) for n in (lower, upper) if n)}"
        )
    if sync_batch_norm and not runtime.on_cuda:
        raise ConfigError(
            f"train.sync_batch_norm: true needs CUDA, but this run uses {runtime}; set it to false: the batch norm "
            "of each process then uses its own images"
        )
    if ranks.alone:
        return
    if runtime.device.type == "mps":
        raise ConfigError(
            f"there are {ranks.count} processes, but an Apple GPU serves only one; start train.py without torchrun"
        )
    if runtime.on_cuda and ranks.local >= torch.cuda.device_count():
        raise ConfigError(
            f"process {ranks.local + 1} of this machine has no GPU of its own; the machine has "
            f"{torch.cuda.device_count()}; start torchrun with --nproc-per-node {torch.cuda.device_count()}"
        )
