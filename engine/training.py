"""Everything that changes while a training runs, and what is kept of it in a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn, optim

from engine.device import Runtime
from engine.distributed import ALONE, Ranks
from engine.history import History
from engine.loss_scaling import LossScaling, build_loss_scaling
from engine.optimisers import Schedule
from engine.progress import EpochProgress
from system.errors import DivergedError


@dataclass
class Training:
    """A training between two steps.

    Attributes:
        progress: of the epoch that is under way.
        scaling: of the loss, as the runtime's precision needs it.
    """

    model: nn.Module
    optimizer: optim.Optimizer
    schedule: Schedule
    history: History
    progress: EpochProgress
    runtime: Runtime
    ranks: Ranks = ALONE
    scaling: LossScaling = field(init=False)

    def __post_init__(self) -> None:
        self.scaling = build_loss_scaling(self.runtime, self.optimizer)

    def state_dict(self, others: Sequence[Mapping] = ()) -> dict:
        """The keys of a checkpoint that change from step to step.

        Args:
            others: the progress of the ranks after the first.

        Raises:
            DivergedError: a weight is not finite; such a state is never written.
        """
        model = self.model.state_dict()
        broken = [name for name, tensor in model.items() if not tensor.isfinite().all()]
        if broken:
            raise DivergedError(f"weights are no longer finite numbers: {broken[0]}; lower optimizer.lr")
        rows = self.history.rows
        return {
            "epoch": len(rows),
            "scores": rows[-1] if rows else None,
            "history": rows,
            "timing": self.history.timing,
            "progress": self.progress.state_dict(others) if self.progress.steps else None,
            "model": model,
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.schedule.state_dict(),
            "scaling": self.scaling.state_dict(),
            "machine": machine(self.runtime, self.ranks),
        }

    def load_state_dict(self, state: Mapping, *, epochs_changed: bool) -> None:
        """Goes back to a checkpoint's state, to the bit, and to its CPU threads if there are as many processes."""
        if state["machine"].get("processes", 1) == self.ranks.count:
            torch.set_num_threads(state["machine"]["threads"])
        self.model.load_state_dict(state["model"])
        groups = state["optimizer"]["param_groups"]
        own = self.optimizer.param_groups[0]
        kernels = {key: own[key] for key in ("fused", "foreach") if key in own}  # the device may have changed
        groups = [group | kernels for group in groups]
        self.optimizer.load_state_dict({"state": state["optimizer"]["state"], "param_groups": groups})
        self.schedule.load_state_dict(state["scheduler"], epochs_changed=epochs_changed)
        self.scaling.load_state_dict(state.get("scaling"))
        self.history.load(state["history"], state["timing"])
        self.progress.epoch = state["epoch"] + 1
        if state["progress"] is not None:
            self.progress.load_state_dict(state["progress"], device=self.runtime.device, **self.ranks.place)


def machine(runtime: Runtime, ranks: Ranks) -> dict[str, str | int]:
    """What the last bits of a result depend on, besides the configuration and the data."""
    return {
        "torch": str(torch.__version__),
        "device": torch.cuda.get_device_name(runtime.device) if runtime.on_cuda else "CPU",
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "precision": runtime.precision,
        "threads": torch.get_num_threads(),
        "processes": ranks.count,
    }
