"""A training: its step, and everything that changes from step to step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn, optim

from engine.averaging import WeightAverage
from engine.device import Runtime
from engine.distributed import ALONE, Ranks, unreduced
from engine.divergence import UpdateGuard, WatchedStep
from engine.history import History
from engine.loss_scaling import build_loss_scaling
from engine.norm_statistics import NormStatistics
from engine.optimisers import Schedule
from engine.progress import Counts, EpochProgress, ObjectCounts
from system.errors import DivergedError
from system.machine.hardware import device_name
from system.seeding import seed_step
from tasks.task import Task


class Criterion(Protocol):
    """A loss that knows the terms of its last value, and which output of a network is the network's prediction."""

    term_values: Mapping[str, Tensor]  # name → detached scalar; empty if the loss has a single term

    def __call__(self, outputs: object, target: Tensor) -> Tensor: ...

    def prediction(self, outputs: object) -> Tensor: ...


class Training:
    """Takes the steps of a training, and holds everything that a checkpoint stores between two steps.

    Attributes:
        network: the network that a step uses: `model` itself, or the wrapper that `begin` puts around it.
        progress: the progress of the current epoch.
        history: the epochs that are done.
        scaling: the scaling of the loss that the runtime's precision needs.
        guard: keeps a loss or gradient that is not finite away from the weights.

    Args:
        model: the network, which is already on the runtime's device.
        task: decides on predictions and counts them.
        seed: the seed of the network's own randomness, such as dropout. Each step of each epoch gets its own seed
            from it.
        clip_norm: the largest allowed 2-norm of the gradient. A larger gradient is scaled down to it.
        best: the column of log.csv whose highest value makes an epoch the best.
        average: averages the weights, which then validate and predict. None: the weights of the newest step do.
        statistics: measures the statistics of batch norm after each epoch. None: they are as the steps left them.
    """

    def __init__(
        self,
        model: nn.Module,
        criterion: Criterion,
        optimizer: optim.Optimizer,
        schedule: Schedule,
        task: Task,
        runtime: Runtime,
        ranks: Ranks = ALONE,
        *,
        seed: int = 0,
        clip_norm: float | None = None,
        best: str = "val_iou",
        average: WeightAverage | None = None,
        statistics: NormStatistics | None = None,
    ) -> None:
        self.model = self.network = model
        self.criterion, self.optimizer, self.schedule, self.task = criterion, optimizer, schedule, task
        self.runtime, self.ranks, self.seed, self.clip_norm = runtime, ranks, seed, clip_norm
        self.average, self.statistics = average, statistics
        self.scaling = build_loss_scaling(runtime, optimizer)
        self.guard = UpdateGuard(optimizer, deferred=runtime.on_cuda)
        self.history = History(best)
        self.progress = EpochProgress(task.counts(by_class=False))

    @property
    def scored_model(self) -> nn.Module:
        """The network that validates and predicts: `model`, or the one with its averaged weights."""
        return self.model if self.average is None else self.average.network

    def begin(self, *, sync_batch_norm: bool = False) -> None:
        """Waits for all ranks a last time before the first step; see `Ranks.begin`."""
        self.network = self.ranks.begin(self.model, sync_batch_norm=sync_batch_norm)

    def step(self, images: Tensor, target: Tensor, sizes: Sequence[int] | None = None, weight: float = 1.0) -> Tensor:
        """Updates the weights once, adds the step to `progress`, and moves the schedule on.

        Args:
            images: [N, C, H, W] float32, normalised.
            target: a batch of what the task's `to_tensor` returns.
            sizes: number of images in each micro-batch. The micro-batches go through the network one after the other,
                so that only one of them needs memory at a time. None: the whole batch at once.
            weight: weight of this rank's gradient in the mean over the ranks.

        Returns:
            The loss, a scalar on the device, detached.

        Raises:
            DivergedError: the loss or the gradient is not finite. On CUDA the error comes one step later.
        """
        images, target = self.runtime.move(images, target)
        seed_step(self.seed, self.progress.epoch, self.progress.steps, rank=self.ranks.rank)
        self.optimizer.zero_grad(set_to_none=True)
        loss, terms, logits = self._backward(images, target, sizes or [len(images)], weight)
        gradients = [parameter.grad for parameter in self.network.parameters() if parameter.grad is not None]
        self.scaling.unscale_(gradients)
        norm = nn.utils.get_total_norm(gradients)
        if self.clip_norm is not None:
            nn.utils.clip_grads_with_norm_(self.network.parameters(), self.clip_norm, norm)
        self._check(images, target, loss, terms, norm)
        self.scaling.step(self.optimizer, loss, norm)
        if self.average is not None:
            self.average.update(self.model)
        self.progress.add(loss, terms, self.task.decide(logits), target)
        self.schedule.after_step()
        return loss

    def _backward(
        self, images: Tensor, target: Tensor, sizes: Sequence[int], weight: float
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Computes the gradient. Returns the loss and its terms (means over the batch) and the logits, all detached."""
        means, logits = {}, []
        pairs = zip(images.split(sizes), target.split(sizes), strict=True)
        for number, (micro_images, micro_target) in enumerate(pairs, start=1):
            with unreduced(self.network, unless=number == len(sizes)):
                with self.runtime.autocast():
                    outputs = self.network(micro_images)
                loss, share = self.criterion(outputs, micro_target), len(micro_images) / len(images)
                # `0 * loss` carries a NaN into the gradients of all ranks, so that all of them stop in the same step.
                self.scaling.scaled(loss * (weight * share + 0 * loss.detach())).backward()
            for name, value in {"loss": loss, **self.criterion.term_values}.items():
                means[name] = means.get(name, 0) + share * value.detach()
            logits.append(self.criterion.prediction(outputs).detach())
        return means.pop("loss"), means, torch.cat(logits)

    def _check(self, images: Tensor, target: Tensor, loss: Tensor, terms: Mapping[str, Tensor], norm: Tensor) -> None:
        lr, scale, finite = self.optimizer.param_groups[0]["lr"], self.scaling.scale, loss.isfinite()
        # With loss scaling a gradient that is not finite may be a harmless overflow. So it does not tell the other
        # ranks that the loss of one rank is bad, and the ranks have to exchange this.
        if scale is not None:
            finite = self.ranks.everywhere(finite)
        epoch, step = self.progress.epoch, self.progress.steps
        self.guard.check(WatchedStep(epoch, step, images, target, lr, loss, norm, terms, finite, scale))

    def measure_statistics(self) -> None:
        """Measures the statistics of batch norm of the network that is validated next, if the training is to do so."""
        if self.statistics is not None:
            self.statistics.measure(self.scored_model)

    def end_epoch(
        self,
        losses: Mapping[str, float],
        val_losses: Mapping[str, float],
        val_counts: Counts,
        val_objects: ObjectCounts | None = None,
    ) -> None:
        """Adds the epoch to the history, moves the schedule on, and gets ready for the next epoch.

        Args:
            losses, val_losses: what `train_epoch` and `evaluate` returned.
            val_counts, val_objects: what `evaluate` counted.
        """
        self.schedule.after_epoch(val_losses["loss"])
        scores, val_scores = (counts.compute().columns() for counts in (self.progress.counts, val_counts))
        if val_objects is not None:
            val_scores |= val_objects.columns()
        self.history.add(self.schedule.lr, losses, scores, val_losses, val_scores)
        self.progress = EpochProgress(self.task.counts(by_class=False), epoch=len(self.history.rows) + 1)

    def state_dict(self, later_ranks: Sequence[Mapping] = ()) -> dict:
        """Returns the keys of a checkpoint that change from step to step.

        Args:
            later_ranks: the progress of every rank after the first.

        Raises:
            DivergedError: a weight is not finite; such a state is never written.
        """
        trained, model = self.model.state_dict(), self.scored_model.state_dict()
        broken = [name for name in trained if not (trained[name].isfinite().all() and model[name].isfinite().all())]
        if broken:
            raise DivergedError(f"weights are no longer finite numbers: {broken[0]}; lower optimizer.lr")
        rows = self.history.rows
        return {
            "epoch": len(rows),
            "scores": rows[-1] if rows else None,
            "history": rows,
            "timing": self.history.timing,
            "progress": self.progress.state_dict(later_ranks) if self.progress.steps else None,
            "model": model,
            "average": None if self.average is None else {"updates": self.average.updates, "trained": trained},
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.schedule.state_dict(),
            "scaling": self.scaling.state_dict(),
            "machine": machine(self.runtime, self.ranks),
        }

    def load_state_dict(self, state: Mapping, *, epochs_changed: bool) -> None:
        """Restores a checkpoint's state, to the bit.

        It also sets the checkpoint's number of CPU threads, if there are as many processes as there were then.
        """
        if state["machine"].get("processes", 1) == self.ranks.count:
            torch.set_num_threads(state["machine"]["threads"])
        if self.average is None:
            self.model.load_state_dict(state["model"])
        else:
            self.model.load_state_dict(state["average"]["trained"])
            self.average.load(state["model"], state["average"]["updates"])
        groups = state["optimizer"]["param_groups"]
        own = self.optimizer.param_groups[0]
        # The device may have changed, and with it the choice of kernels; so this is not taken from the checkpoint.
        kernels = {key: own[key] for key in ("fused", "foreach") if key in own}
        groups = [group | kernels for group in groups]
        self.optimizer.load_state_dict({"state": state["optimizer"]["state"], "param_groups": groups})
        self.schedule.load_state_dict(state["scheduler"], epochs_changed=epochs_changed)
        self.scaling.load_state_dict(state.get("scaling"))
        self.history.load(state["history"], state["timing"])
        self.progress.epoch = state["epoch"] + 1
        if state["progress"] is not None:
            device, ranks = self.runtime.device, self.ranks
            self.progress.load_state_dict(state["progress"], device=device, rank=ranks.rank, ranks=ranks.count)


def machine(runtime: Runtime, ranks: Ranks) -> dict[str, str | int]:
    """Returns what the last bits of a result depend on, besides the configuration and the data."""
    return {
        "torch": str(torch.__version__),
        "device": device_name(runtime.device),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "precision": runtime.precision,
        "threads": torch.get_num_threads(),
        "processes": ranks.count,
    }
