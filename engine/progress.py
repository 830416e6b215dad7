"""How far the training part of an epoch is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor


class Counts(Protocol):
    """Anything that counts hard predictions, such as `metrics.SegmentationCounts`."""

    def update(self, prediction: Tensor, target: Tensor) -> None: ...

    def state_dict(self) -> dict: ...

    def load_state_dict(self, state: Mapping) -> None: ...


class EpochProgress:
    """Steps done, images seen, the sum of their losses, and the counts of the predictions made on the way.

    Attributes:
        sums: name → float64 scalar on the device: the sum over all images of the loss, and of each named part of it.
        images_before: images seen before the process was stopped and resumed.
    """

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self.steps = self.images = self.images_before = 0
        self.sums: dict[str, Tensor] = {}

    def add(self, losses: Mapping[str, Tensor], images: int) -> None:
        """Ends a step over so many images; `losses` are means over them. Does not wait for the device."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, torch.zeros((), dtype=torch.float64, device=value.device))
            self.sums[name] += value * images
        self.steps += 1
        self.images += images

    def means(self) -> dict[str, float]:
        """Each loss as the mean over the images; waits for the device."""
        return {name: value.item() / self.images for name, value in self.sums.items()}

    def state_dict(self) -> dict:
        sums = {name: value.item() for name, value in self.sums.items()}
        return {"steps": self.steps, "images": self.images, "sums": sums, "counts": self.counts.state_dict()}

    def load_state_dict(self, state: Mapping, *, device: torch.device) -> None:
        self.steps, self.images, self.images_before = state["steps"], state["images"], state["images"]
        self.sums = {
            name: torch.tensor(value, dtype=torch.float64, device=device) for name, value in state["sums"].items()
        }
        on_device = {name: None if value is None else value.to(device) for name, value in state["counts"].items()}
        self.counts.load_state_dict(on_device)
