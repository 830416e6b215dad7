"""Keeps a loss or gradient that is not finite away from the weights, and says which batch it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn, optim

from engine.loss_scaling import SMALLEST, LossScaling
from engine.runs.checkpoint_file import save_checkpoint
from system.errors import DivergedError


@dataclass
class WatchedStep:
    """One step as the guard saw it, before the update."""

    step: int
    images: Tensor  # [N, C, H, W] float32, normalised
    target: Tensor
    lr: float
    loss: Tensor
    gradient_norm: Tensor
    parts: dict[str, Tensor]
    loss_is_finite: Tensor  # bool scalar; in fp16, on all ranks
    scale: Tensor | None = None  # of the loss
    flag: Tensor | None = None  # bool scalar on the host, once `copied` has happened
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
        parts = {name: value.cpu() for name, value in self.parts.items()}
        return replace(self, **tensors, parts=parts, scale=None, flag=None, copied=None)


class UpdateGuard:
    """Looks at every step between its backward pass and its update.

    At once (the CPU): a bad step raises before the update. Deferred (CUDA): the optimiser's fused kernel leaves the
    weights alone where the flag, on the device, says so; the flag is copied to the host behind the step and read at the
    next one, so that nothing waits for the device.

    Args:
        optimizer: with deferred=True, one built with fused=True.
        deferred: see above.
        on_bad_step: called with the first bad step; raises.
        parts_of_loss: the newest values of the loss's named parts.
        scaling: of the loss; it leaves out updates of gradients that overflow by itself.
        everywhere: makes of this rank's flag, a bool scalar on the device, whether it is true on all ranks.
    """

    def __init__(
        self,
        optimizer: optim.Optimizer,
        *,
        deferred: bool,
        on_bad_step: Callable[[WatchedStep], None],
        parts_of_loss: Callable[[], Mapping[str, Tensor]] = dict,
        scaling: LossScaling | None = None,
        everywhere: Callable[[Tensor], Tensor] = lambda flag: flag,
    ) -> None:
        if deferred and not all(group.get("fused") for group in optimizer.param_groups):
            raise ValueError("a deferred guard needs an optimiser built with fused=True")
        self.optimizer, self.deferred = optimizer, deferred
        self.on_bad_step, self.parts_of_loss, self.scaling = on_bad_step, parts_of_loss, scaling or LossScaling()
        self.everywhere = everywhere
        self._pending: WatchedStep | None = None

    def watching(self, step: int, images: Tensor, target: Tensor) -> Callable[[Tensor, Tensor], None]:
        """The `before_update` of one step on this batch."""

        def before_update(loss: Tensor, gradient_norm: Tensor) -> None:
            lr = self.optimizer.param_groups[0]["lr"]
            parts, scale, finite = dict(self.parts_of_loss()), self.scaling.scale, loss.isfinite()
            if scale is not None:  # a gradient may overflow then, and tells the others nothing of this rank's loss
                finite = self.everywhere(finite)
            watched = WatchedStep(step, images, target, lr, loss, gradient_norm, parts, finite, scale)
            if self.deferred:
                self._suppress(watched)
            elif not watched.good:
                self.on_bad_step(watched)

        return before_update

    def settle(self) -> None:
        """Reads the flag of the newest step; before its state is saved, and at an epoch's end."""
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


def save_bad_step(watched: WatchedStep, path: Path, *, epoch: int, ids: Sequence[str], model: nn.Module) -> None:
    """Writes the batch of a bad step to `path` for a replay, and raises DivergedError, which names it."""
    loss, norm = watched.loss.item(), watched.gradient_norm.item()
    parts = {name: value.item() for name, value in watched.parts.items()}
    record = {"epoch": epoch, "step": watched.step + 1, "ids": list(ids), "lr": watched.lr}
    record |= {"loss": loss, "gradient_norm": norm, "parts": parts}
    tensors = {"images": watched.images.cpu(), "target": watched.target.cpu(), "model": model.state_dict()}
    save_checkpoint(path, record | tensors)
    named = ", ".join(f"{name} {value:g}" for name, value in parts.items())
    what = f"the training loss is {loss:g}" if not watched.loss.isfinite() else f"the gradient's norm is {norm:g}"
    raise DivergedError(
        f"{what} in step {watched.step + 1} of epoch {epoch} (loss {loss:g}{', ' + named if named else ''}, "
        f"lr {watched.lr:.3g}), on the images {', '.join(ids)}. The weights were not updated; last.pth is the last "
        f"good state, and {path} holds the batch (docs/reliability.md replays it). "
        "To train anew (--fresh), lower optimizer.lr, set train.clip_norm (such as 1.0), or use precision fp32"
    )
