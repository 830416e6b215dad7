"""The statistics of batch norm, measured with the weights as they are."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from engine.device import Runtime


class NormStatistics:
    """Replaces the running statistics of a network by the mean over some batches ("precise batch norm").

    The running statistics are a moving average over steps whose weights differed, and with small batches a noisy one.
    Both can ruin the validation of a network that has learnt well (Wu and Johnson 2021, "Rethinking Batch in
    BatchNorm"). Nothing but the statistics changes, and training does not use them.

    Args:
        batches: yields (images [N, C, H, W] float32, normalised; target), the same ones each time it is iterated.
    """

    def __init__(self, batches: Iterable[tuple[Tensor, Tensor]], runtime: Runtime) -> None:
        self.batches, self.runtime = batches, runtime

    @torch.no_grad()
    def measure(self, model: nn.Module) -> None:
        """Measures the statistics of `model`, and leaves it in training mode."""
        norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        before = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
        model.train()
        for number, (images, _) in enumerate(self.batches, start=1):
            for norm in norms:
                norm.momentum = 1 / number  # makes the moving average the mean of all batches so far
            with self.runtime.autocast():
                model(self.runtime.move_images(images))
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(count)  # of training steps, also if a resumed run measures once more
