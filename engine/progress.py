"""The progress of the epoch that is being trained: the steps that are done, their losses and their counts."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from system.errors import DivergedError

Batch = TypeVar("Batch")


class Scores(Protocol):
    """The scores of a set of images, such as `metrics.Scores`."""

    def columns(self) -> dict[str, float]: ...


class Pooled(Protocol):
    """An object whose state the ranks can put together, see `merged`."""

    def state_dict(self) -> dict: ...

    def load_state_dict(self, state: Mapping) -> None: ...


class Counts(Pooled, Protocol):
    """An object that counts hard predictions, such as `metrics.SegmentationCounts`."""

    def update(self, prediction: Tensor, target: Tensor) -> None: ...

    def compute(self) -> Scores: ...


class ObjectCounts(Pooled, Protocol):
    """An object that finds and counts the cells of whole images, such as `inference.cells.object_scores`."""

    def update(self, logits: Tensor) -> None: ...

    def columns(self) -> dict[str, float]: ...


class MeanLosses:
    """Adds up a loss and its terms on the device. Only `compute` waits for the device.

    Attributes:
        images: number of images added so far.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self.images = 0

    def add(self, loss: Tensor, terms: Mapping[str, Tensor], *, images: int) -> None:
        """Adds a batch of `images` images: its mean loss and the terms of the loss, all scalars."""
        for name, value in {"loss": loss, **terms}.items():
            self._sums[name] = self._sums.get(name, 0) + value.detach().to(_widest(value.device)) * images
        self.images += images

    def compute(self, phase: str) -> dict[str, float]:
        """Returns the means per image: "loss", and each term by its name, before it is multiplied by its factor.

        Args:
            phase: "training" or "validation", for the message of the error.

        Raises:
            DivergedError: the mean loss is not finite.
        """
        means = (torch.stack(list(self._sums.values())) / self.images).tolist()
        if not math.isfinite(means[0]):
            raise DivergedError(
                f"the {phase} loss is {means[0]}; lower optimizer.lr, set train.clip_norm (such as 1.0), or use "
                "precision fp32"
            )
        return dict(zip(self._sums, means, strict=True))

    def state_dict(self) -> dict:
        return {"images": self.images, "sums": {name: value.cpu() for name, value in self._sums.items()}}

    def load_state_dict(self, state: Mapping, *, device: torch.device) -> None:
        self.images = state["images"]
        self._sums = {name: value.to(device, _widest(device)) for name, value in state["sums"].items()}


class EpochProgress:
    """Holds what the training of an epoch has done so far: its steps, its losses, and the counts of its predictions.

    Attributes:
        epoch: the number of the epoch, from 1.
        steps: number of steps that are done.
        images_before: number of images that all ranks saw before the process was stopped and resumed.
        seconds_waited: seconds that this process waited for batches.
    """

    def __init__(self, counts: Counts, *, epoch: int = 1) -> None:
        self.counts, self.epoch = counts, epoch
        self.losses = MeanLosses()
        self.steps = self.images_before = 0
        self.seconds_waited = 0.0

    def waiting_for(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yields the batches, and adds the time that it waits for each of them to `seconds_waited`."""
        iterator = iter(batches)
        while True:
            started = time.perf_counter()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            finally:
                self.seconds_waited += time.perf_counter() - started
            yield batch

    def add(self, loss: Tensor, terms: Mapping[str, Tensor], prediction: Tensor, target: Tensor) -> None:
        """Adds one step: its mean loss and the terms of the loss, all scalars, its hard prediction and its target."""
        self.losses.add(loss, terms, images=len(target))
        self.counts.update(prediction, target)
        self.steps += 1

    def state_dict(self, later_ranks: Sequence[Mapping] = ()) -> dict:
        """Returns the progress of this rank, as a checkpoint stores it.

        Args:
            later_ranks: on the first rank, the states of all ranks after it; they are stored with its own.
        """
        state = {"steps": self.steps, "losses": self.losses.state_dict(), "counts": self.counts.state_dict()}
        return state | ({"others": list(later_ranks)} if later_ranks else {})

    def load_state_dict(self, state: Mapping, *, device: torch.device, rank: int = 0, ranks: int = 1) -> None:
        """Loads this rank's progress from the state of the first rank, which holds the states of all ranks.

        If the number of ranks has changed, the stored states are dealt out to the ranks that there are now.
        """
        states = [state, *state.get("others", ())]
        self.steps = state["steps"]
        self.images_before = sum(one["losses"]["images"] for one in states)
        if own := states[rank::ranks]:
            self.losses.load_state_dict(merged(one["losses"] for one in own), device=device)
            counts = merged(one["counts"] for one in own)
            on_device = {name: None if value is None else value.to(device) for name, value in counts.items()}
            self.counts.load_state_dict(on_device)


def merged(states: Iterable[Mapping]) -> dict:
    """Merges the states of the losses of several ranks, or of their counts, into one state.

    Sums are added; the counts of single images are put one after the other.
    """
    first, *later = states
    whole = dict(first)
    for state in later:
        for name, value in state.items():
            mine = whole.get(name)
            if mine is None or value is None:
                whole[name] = value if mine is None else mine
            elif isinstance(value, Mapping):
                whole[name] = mine | {key: mine.get(key, 0) + summand for key, summand in value.items()}
            else:
                whole[name] = torch.cat([mine, value]) if isinstance(value, Tensor) else mine + value
    return whole


def _widest(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64  # MPS has no float64
