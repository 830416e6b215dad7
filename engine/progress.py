"""How far the training part of an epoch is."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from system.errors import DivergedError

Batch = TypeVar("Batch")


class Counts(Protocol):
    """Anything that counts hard predictions, such as `metrics.SegmentationCounts`."""

    def update(self, prediction: Tensor, target: Tensor) -> None: ...

    def state_dict(self) -> dict: ...

    def load_state_dict(self, state: Mapping) -> None: ...


class MeanLosses:
    """Adds up a loss and its terms on the device; the only wait for it is in `compute`.

    Attributes:
        images: added so far.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self.images = 0

    def add(self, loss: Tensor, term_values: Mapping[str, Tensor], *, images: int) -> None:
        """Adds a batch's mean loss and the values of its terms, all scalars."""
        for name, value in {"loss": loss, **term_values}.items():
            self._sums[name] = self._sums.get(name, 0) + value.detach().to(_widest(value.device)) * images
        self.images += images

    def compute(self, phase: str) -> dict[str, float]:
        """Means per image: "loss", and each term by its name, before its factor.

        Raises:
            DivergedError: the loss of the phase, "training" or "validation", is not finite.
        """
        means = (torch.stack(list(self._sums.values())) / self.images).tolist()
        _check_finite(means[0], phase)
        return dict(zip(self._sums, means, strict=True))

    def state_dict(self) -> dict:
        return {"images": self.images, "sums": {name: value.cpu() for name, value in self._sums.items()}}

    def load_state_dict(self, state: Mapping, *, device: torch.device) -> None:
        self.images = state["images"]
        self._sums = {name: value.to(device, _widest(device)) for name, value in state["sums"].items()}


class EpochProgress:
    """How far the training part of an epoch is: steps done, losses, and counts of the predictions made on the way.

    Attributes:
        epoch: its number, from 1.
        images_before: images seen, by all ranks, before the process was stopped and resumed.
        seconds_waited: for batches, in this process.
    """

    def __init__(self, counts: Counts, *, epoch: int = 1) -> None:
        self.counts, self.epoch = counts, epoch
        self.losses = MeanLosses()
        self.steps = self.images_before = 0
        self.seconds_waited = 0.0

    def waiting_for(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches; the time that each takes to come is added up."""
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

    def state_dict(self, others: Sequence[Mapping] = ()) -> dict:
        """Of this rank; on the first, `others` are those of the ranks after it."""
        state = {"steps": self.steps, "losses": self.losses.state_dict(), "counts": self.counts.state_dict()}
        return state | ({"others": list(others)} if others else {})

    def load_state_dict(self, state: Mapping, *, device: torch.device, rank: int = 0, ranks: int = 1) -> None:
        """Takes over the first rank's `state`: this rank's own part, or, of another number of ranks, an equal share."""
        parts = [state, *state.get("others", ())]
        self.steps = state["steps"]
        self.images_before = sum(part["losses"]["images"] for part in parts)
        if own := parts[rank::ranks]:
            self.losses.load_state_dict(merged(part["losses"] for part in own), device=device)
            counts = merged(part["counts"] for part in own)
            on_device = {name: None if value is None else value.to(device) for name, value in counts.items()}
            self.counts.load_state_dict(on_device)


def merged(states: Iterable[Mapping]) -> dict:
    """The states of several ranks' losses as one, or of their counts: sums are added, counts of images put in a row."""
    first, *others = states
    whole = dict(first)
    for state in others:
        for name, value in state.items():
            mine = whole.get(name)
            if mine is None or value is None:
                whole[name] = value if mine is None else mine
            elif isinstance(value, Mapping):
                whole[name] = mine | {key: mine.get(key, 0) + part for key, part in value.items()}
            else:
                whole[name] = torch.cat([mine, value]) if isinstance(value, Tensor) else mine + value
    return whole


def _widest(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64  # which MPS does not have


def _check_finite(loss: float, phase: str) -> None:
    if not math.isfinite(loss):
        raise DivergedError(
            f"the {phase} loss is {loss}; lower optimizer.lr, set train.clip_norm (such as 1.0), or use precision fp32"
        )
