"""Optimisers and learning-rate schedules, by name."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn, optim
from torch.optim import lr_scheduler

OPTIMIZERS: dict[str, type[optim.Optimizer]] = {"SGD": optim.SGD, "Adam": optim.Adam, "AdamW": optim.AdamW}
SCHEDULERS = ("constant", "cosine", "one_cycle", "plateau", "multi_step")


def build_optimizer(name: str, parameters: Iterable[nn.Parameter], **arguments: object) -> optim.Optimizer:
    """`torch.optim`'s optimiser of that name, in its fused form (one pass over the weights) where the device has it."""
    parameters = list(parameters)
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)
    return OPTIMIZERS[name](parameters, **{"fused": fused, **arguments})


class Schedule:
    """A torch scheduler together with the moment at which it steps.

    Attributes:
        lr: the rate of the newest step, as it was used.
    """

    def __init__(self, scheduler: lr_scheduler.LRScheduler, *, every: str) -> None:
        assert every in ("step", "epoch", "epoch with val_loss")
        self._scheduler, self._every = scheduler, every
        self.lr = scheduler.optimizer.param_groups[0]["lr"]

    @property
    def spans_all_epochs(self) -> bool:
        """Whether its shape depends on the number of epochs."""
        return isinstance(self._scheduler, lr_scheduler.CosineAnnealingLR | lr_scheduler.OneCycleLR)

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
        """Goes on from `state`; call it after the optimiser's own.

        Args:
            epochs_changed: the number of epochs is another than the state's. A schedule whose shape depends on it goes
                on along its new curve, from the point that belongs to the steps done; the others do not notice.
        """
        self.lr = state["lr"]
        self._scheduler.optimizer._opt_called = True  # it was, before the stop; torch warns otherwise
        if not epochs_changed or not self.spans_all_epochs:
            self._scheduler.load_state_dict(state["state"])
        elif done := state["state"]["last_epoch"]:
            self._scheduler.last_epoch, self._scheduler._step_count = done - 1, 0
            self._scheduler.step()


def build_schedule(
    name: str, optimizer: optim.Optimizer, *, epochs: int, steps_per_epoch: int, **arguments: object
) -> Schedule:
    """The schedule called `name`; `arguments` are the keys of its configuration section.

    constant: the rate as it is. cosine: to `min_lr` over the epochs, stepped per epoch (Loshchilov and Hutter 2017).
    one_cycle: up to the rate during `warmup_fraction` of all steps, then down, stepped per step (Smith and Topin 2018).
    plateau: times `factor` after `patience` epochs without a lower validation loss. multi_step: times `factor` after
    each of the `milestones` (epochs).

    Raises:
        ValueError: no such schedule.
    """
    if name == "constant":
        return Schedule(lr_scheduler.ConstantLR(optimizer, factor=1.0), every="epoch")
    if name == "cosine":
        cosine = lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs, eta_min=arguments["min_lr"])
        return Schedule(cosine, every="epoch")
    if name == "one_cycle":
        one_cycle = lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=optimizer.param_groups[0]["lr"],
            total_steps=epochs * steps_per_epoch,
            pct_start=arguments["warmup_fraction"],
        )
        return Schedule(one_cycle, every="step")
    if name == "plateau":
        return Schedule(lr_scheduler.ReduceLROnPlateau(optimizer, **arguments), every="epoch with val_loss")
    if name == "multi_step":
        steps = lr_scheduler.MultiStepLR(optimizer, arguments["milestones"], gamma=arguments["factor"])
        return Schedule(steps, every="epoch")
    raise ValueError(f"scheduler {name!r} is unknown; allowed are {', '.join(SCHEDULERS)}")
