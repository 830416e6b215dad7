"""Keeps a loss or gradient that is not finite away from the weights."""

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
        epoch, step: from 1 and from 0.
        images: [N, C, H, W] float32, normalised.
        loss, gradient_norm: scalars on the device.
        terms: name → value of each term of a weighted sum, scalars on the device.
        loss_is_finite: bool scalar on the device; in fp16 it is that of all ranks.
        scale: of the loss; None where it is not scaled.
        flag: bool scalar on the host, once `copied` has happened.
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
        """Whether loss and gradient are finite, bool scalar; a gradient may overflow as long as its scale can fall."""
        gradient = self.gradient_norm.isfinite()
        if self.scale is not None:
            gradient = gradient | (self.scale > SMALLEST)
        return self.loss_is_finite & gradient

    def on_host(self) -> WatchedStep:
        """The same, for another process."""
        names = ("images", "target", "loss", "gradient_norm", "loss_is_finite")
        tensors = {name: getattr(self, name).cpu() for name in names}
        terms = {name: value.cpu() for name, value in self.terms.items()}
        return replace(self, **tensors, terms=terms, scale=None, flag=None, copied=None)


def refuse(bad: WatchedStep) -> None:
    """Raises DivergedError for a bad step, and keeps nothing of it."""
    raise DivergedError(
        f"step {bad.step + 1}: the loss is {bad.loss.item()}, the gradient's norm {bad.gradient_norm.item()}"
    )


class UpdateGuard:
    """Looks at every step between its backward pass and its update.

    At once (the CPU): a bad step raises before the update. Deferred (CUDA): the optimiser's fused kernel leaves the
    weights alone where the flag, on the device, says so. The flag is copied to the host behind the step and read at the
    next one, so that nothing waits for the device.

    Args:
        optimizer: with deferred=True, one built with fused=True.
        deferred: see above.
        on_bad_step: called with the first bad step; raises.
    """

    def __init__(
        self, optimizer: optim.Optimizer, *, deferred: bool, on_bad_step: Callable[[WatchedStep], None] = refuse
    ) -> None:
        if deferred and not all(group.get("fused") for group in optimizer.param_groups):
            raise ValueError("a deferred guard needs an optimiser built with fused=True")
        self.optimizer, self.deferred, self.on_bad_step = optimizer, deferred, on_bad_step
        self._pending: WatchedStep | None = None

    def check(self, watched: WatchedStep) -> None:
        """To be called before the update of a step; raises, or has the optimiser leave a bad update out."""
        if self.deferred:
            self._suppress(watched)
        elif not watched.good:
            self.on_bad_step(watched)

    def settle(self) -> None:
        """Reads the flag of the newest step: before its state is saved, and at an epoch's end."""
        watched, self._pending = self._pending, None
        if watched is None:
            return
        if watched.copied is not None:
            watched.copied.synchronize()  # of the step before: the device has the present one to work on
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
