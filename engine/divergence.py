"""A guard keeps a loss or gradient that is not finite away from the weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, optim

from engine.loss_scaling import SMALLEST
from system.errors import DivergedError


@dataclass
class WatchedStep:
    """One step as the guard sees it, between its backward pass and its update.

    Attributes:
        epoch: the number of the epoch, from 1.
        step: the number of the step in its epoch, from 0.
        images: [N, C, H, W] float32, normalised.
        loss, gradient_norm: scalars on the device.
        terms: name → value of each term of a weighted sum, scalars on the device.
        loss_is_finite: bool scalar on the device; in fp16 it is true only if the loss is finite on all ranks.
        scale: the scale of the loss; None if the loss is not scaled.
        flag: a copy of `good` on the host, bool scalar; it is valid after the event `copied`.
    """

    epoch: int
    step: int
    images: Tensor
    target: Tensor
    lr: float
    loss: Tensor
    gradient_norm: Tensor
    terms: Mapping[str, Tensor]
    loss_is_finite: Tensor
    scale: Tensor | None = None
    flag: Tensor | None = None
    copied: torch.cuda.Event | None = None

    @property
    def good(self) -> Tensor:
        """True if loss and gradient are finite, bool scalar. A gradient may overflow as long as its scale can fall."""
        gradient = self.gradient_norm.isfinite()
        if self.scale is not None:
            gradient = gradient | (self.scale > SMALLEST)
        return self.loss_is_finite & gradient

    def on_host(self) -> WatchedStep:
        """Returns the step with all tensors on the host, so that it can be sent to another process."""
        names = ("images", "target", "loss", "gradient_norm", "loss_is_finite")
        tensors = {name: getattr(self, name).cpu() for name in names}
        terms = {name: value.cpu() for name, value in self.terms.items()}
        return replace(self, **tensors, terms=terms, scale=None, flag=None, copied=None)


def refuse(bad: WatchedStep) -> None:
    """Raises DivergedError for a bad step, and stores nothing of the step."""
    raise DivergedError(
        f"step {bad.step + 1}: the loss is {bad.loss.item()}, the gradient's norm {bad.gradient_norm.item()}"
    )


class UpdateGuard:
    """Checks every step between its backward pass and its update.

    On the CPU the check is immediate: a bad step raises an error before the update. On CUDA it is deferred: a flag on
    the device says whether the step is bad, and the fused kernel of the optimiser then leaves the weights unchanged.
    The flag is copied to the host after the step and read at the next step, so that nothing waits for the device.

    Args:
        optimizer: if the check is deferred, it must be built with fused=True.
        deferred: whether the check is deferred.
        on_bad_step: called with the first bad step; it has to raise an error.
    """

    def __init__(
        self, optimizer: optim.Optimizer, *, deferred: bool, on_bad_step: Callable[[WatchedStep], None] = refuse
    ) -> None:
        if deferred and not all(group.get("fused") for group in optimizer.param_groups):
            raise ValueError("a deferred guard needs an optimiser built with fused=True")
        self.optimizer, self.deferred, self.on_bad_step = optimizer, deferred, on_bad_step
        self._pending: WatchedStep | None = None

    def check(self, watched: WatchedStep) -> None:
        """Checks a step; call it before the update. A bad step raises an error, or the optimiser skips its update."""
        if self.deferred:
            self._suppress(watched)
        elif not watched.good:
            self.on_bad_step(watched)

    def settle(self) -> None:
        """Reads the flag of the newest step. Call it before that step's state is saved, and at the end of an epoch."""
        watched, self._pending = self._pending, None
        if watched is None:
            return
        if watched.copied is not None:
            watched.copied.synchronize()  # waits for the previous step only; the device still has the current one to do
        if not watched.flag:
            self.on_bad_step(watched)

    def _suppress(self, watched: WatchedStep) -> None:
        good = watched.good
        self.optimizer.found_inf = (~good).float()
        self.settle()
        if good.is_cuda:
            watched.flag = torch.empty((), dtype=torch.bool, pin_memory=True)
            watched.flag.copy_(good, non_blocking=True)
            watched.copied = torch.cuda.Event()
            watched.copied.record()
        else:
            watched.flag = good
        self._pending = watched
