"""Builds optimisers and learning-rate schedules by their names."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable
from functools import partial

import torch
from torch import nn, optim
from torch.optim import lr_scheduler

# Methods that torch hides from its compiler. The first call of each loads the compiler, which takes over a second.
HIDDEN = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")


def uncompiled(kind: type[optim.Optimizer]) -> type[optim.Optimizer]:
    """Returns the same optimiser without the wrappers that only `torch.compile` needs; it computes the same bits."""
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in HIDDEN}
    # The wrapper of `step` also switches gradients off.
    return type(kind.__name__, (kind,), methods | {"step": torch.no_grad()(inspect.unwrap(kind.step))})


OPTIMIZERS = {kind.__name__: uncompiled(kind) for kind in (optim.SGD, optim.Adam, optim.AdamW)}
SCHEDULERS = ("constant", "cosine", "one_cycle", "plateau", "multi_step")


def build_optimizer(name: str, parameters: Iterable[nn.Parameter], **arguments: object) -> optim.Optimizer:
    """Builds the optimiser of `torch.optim` with this name, fused (one pass over the weights) if the device allows."""
    parameters = list(parameters)
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)
    return OPTIMIZERS[name](parameters, **{"fused": fused, **arguments})


class Schedule:
    """A torch scheduler together with the moment at which it steps.

    Attributes:
        lr: the learning rate that the newest step used.
    """

    def __init__(self, scheduler: lr_scheduler.LRScheduler, *, every: str) -> None:
        assert every in ("step", "epoch", "epoch with val_loss")
        self._scheduler, self._every = scheduler, every
        self.lr = scheduler.optimizer.param_groups[0]["lr"]

    @property
    def spans_all_epochs(self) -> bool:
        """True if the shape of the schedule depends on the number of epochs."""
        curves = lr_scheduler.CosineAnnealingLR, lr_scheduler.OneCycleLR, lr_scheduler.LambdaLR
        return isinstance(self._scheduler, curves)

    def after_step(self) -> None:
        self.lr = self._scheduler.optimizer.param_groups[0]["lr"]
        if self._every == "step":
            self._scheduler.step()

    def after_epoch(self, val_loss: float) -> None:
        if self._every == "epoch":
            self._scheduler.step()
        elif self._every == "epoch with val_loss":
            self._scheduler.step(val_loss)

    def state_dict(self) -> dict:
        return {"lr": self.lr, "state": self._scheduler.state_dict()}

    def load_state_dict(self, state: dict, *, epochs_changed: bool = False) -> None:
        """Continues from `state`. Call it after the `load_state_dict` of the optimiser.

        Args:
            epochs_changed: the number of epochs is no longer that of `state`. A schedule whose shape depends on it then
                follows its new curve, from the point that belongs to the steps done; any other schedule is unchanged.
        """
        self.lr = state["lr"]
        # The optimiser has stepped, before the stop. Without this mark torch warns that it has not.
        self._scheduler.optimizer._opt_called = True
        if not epochs_changed or not self.spans_all_epochs:
            self._scheduler.load_state_dict(state["state"])
        elif done := state["state"]["last_epoch"]:
            self._scheduler.last_epoch, self._scheduler._step_count = done - 1, 0
            self._scheduler.step()


def build_schedule(
    name: str, optimizer: optim.Optimizer, *, epochs: int, steps_per_epoch: int, **arguments: object
) -> Schedule:
    """Builds the schedule called `name`; `arguments` are the keys of its configuration section.

    constant: the rate does not change.
    cosine: the rate falls to `min_lr` over all epochs, with a step per epoch (Loshchilov and Hutter 2017). With
        `warmup_epochs` it first rises evenly, with a step per training step, to the configured rate, and then falls
        over the epochs that are left.
    one_cycle: the rate rises to the configured one during `warmup_fraction` of all steps and then falls, with a step
        per training step (Smith and Topin 2018). The momentum of SGD, or the first beta of Adam and AdamW, falls from
        0.95 to 0.85 meanwhile and rises again, whatever was configured.
    plateau: the rate is multiplied by `factor` after `patience` epochs whose validation loss is not lower by 1e-4.
    multi_step: the rate is multiplied by `factor` after each of the `milestones` (epochs).

    Raises:
        ValueError: there is no such schedule.
    """
    if name == "constant":
        return Schedule(lr_scheduler.ConstantLR(optimizer, factor=1.0), every="epoch")
    if name == "cosine" and arguments.get("warmup_epochs"):
        factor = partial(
            _warm_cosine,
            steps_per_epoch=steps_per_epoch,
            warmup=arguments["warmup_epochs"],
            epochs=epochs,
            lowest=arguments["min_lr"] / optimizer.param_groups[0]["lr"],
        )
        return Schedule(lr_scheduler.LambdaLR(optimizer, lambda step: factor(step)), every="step")
    if name == "cosine":
        cosine = lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs, eta_min=arguments["min_lr"])
        return Schedule(cosine, every="epoch")
    if name == "one_cycle":
        total, warmup = epochs * steps_per_epoch, arguments["warmup_fraction"]
        if math.isclose(warmup * total, 1):
            warmup *= 1 - 1e-9  # the first step has the highest rate, too; torch would divide by zero
        highest = optimizer.param_groups[0]["lr"]
        one_cycle = lr_scheduler.OneCycleLR(optimizer, max_lr=highest, total_steps=total, pct_start=warmup)
        return Schedule(one_cycle, every="step")
    if name == "plateau":
        # torch's default demands a share of the loss, and a loss below 0 would always seem to fall.
        plateau = lr_scheduler.ReduceLROnPlateau(optimizer, threshold_mode="abs", **arguments)
        return Schedule(plateau, every="epoch with val_loss")
    if name == "multi_step":
        steps = lr_scheduler.MultiStepLR(optimizer, arguments["milestones"], gamma=arguments["factor"])
        return Schedule(steps, every="epoch")
    raise ValueError(f"scheduler {name!r} is unknown; allowed are {', '.join(SCHEDULERS)}")


def _warm_cosine(step: int, *, steps_per_epoch: int, warmup: int, epochs: int, lowest: float) -> float:
    """Returns the rate of a step, from 0, as a share of the configured one; `warmup` and `epochs` are in epochs."""
    if step < warmup * steps_per_epoch:
        return (step + 1) / (warmup * steps_per_epoch)
    fallen = (step // steps_per_epoch - warmup) / (epochs - warmup)
    return lowest + (1 - lowest) * (1 + math.cos(math.pi * fallen)) / 2
