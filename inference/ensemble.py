"""Several runs that predict together: their maps are averaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from images.image_reader import ImageFile, ImageReader
from inference.cells.decode_file import ChosenDecoding
from inference.image_predictor import ImagePredictor
from inference.prediction import Inputs
from inference.predictor import Predictor
from system.errors import ConfigError
from tasks.task import Task


@dataclass(frozen=True)
class Ensemble(ImagePredictor):
    """Averages the maps of its members, pixel by pixel. The members may differ in everything but their task.

    The cells are decoded with the parameters of the first member.
    """

    members: tuple[Predictor, ...]

    @property
    def task(self) -> Task:
        return self.members[0].task

    @property
    def reader(self) -> ImageReader:
        return self.members[0].reader

    @property
    def decoding(self) -> ChosenDecoding | None:
        return self.members[0].decoding

    def strips(self, image: np.ndarray | Path | ImageFile) -> Iterator[Tensor]:
        sources = [self._maps_in_strips(member, image) for member in self.members]
        waiting = [next(source) for source in sources]
        while True:
            rows = min(maps.shape[1] for maps in waiting)
            yield self.task.logits(torch.stack([maps[:, :rows] for maps in waiting]).mean(0)[None])[0]
            waiting = [maps[:, rows:] for maps in waiting]
            try:
                waiting = [
                    maps if maps.shape[1] else next(source) for maps, source in zip(waiting, sources, strict=True)
                ]
            except StopIteration:  # all members end at the same row
                return

    def inputs_of(self, image: np.ndarray) -> Inputs | None:
        inputs = tuple(member.input_of(image) for member in self.members)
        return None if any(one is None for one in inputs) else inputs

    def logits_together(self, inputs: Sequence[Inputs], sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
        found = [
            member.logits_together([one[number : number + 1] for one in inputs], sizes)
            for number, member in enumerate(self.members)
        ]
        return [
            self.task.logits(torch.stack([self.task.maps(one[None])[0].cpu() for one in same]).mean(0)[None])[0]
            for same in zip(*found, strict=True)
        ]

    def _maps_in_strips(self, member: Predictor, image: np.ndarray | Path | ImageFile) -> Iterator[Tensor]:
        for strip in member.strips(image):
            yield self.task.maps(strip[None])[0].cpu()


def ensemble(members: Sequence[Predictor], names: Sequence[str]) -> ImagePredictor:
    """Returns the only member, or an ensemble of several.

    Args:
        names: how messages call the members.

    Raises:
        ConfigError: the members differ in their task or in their classes, or they read other channels or planes.
    """
    kinds = [(type(member.task).__name__, member.classes) for member in members]
    if len(set(kinds)) > 1:
        lines = [
            f"  {name}: {kind}, classes {', '.join(classes)}"
            for name, (kind, classes) in zip(names, kinds, strict=True)
        ]
        raise ConfigError("only runs of one task with the same classes can predict together; got\n" + "\n".join(lines))
    parts = {part_of_files(member.reader) for member in members}
    if len(parts) > 1:
        lines = [f"  {name}: {part_of_files(member.reader)}" for name, member in zip(names, members, strict=True)]
        problem = "only runs that read the same channels and planes can predict together; got\n"
        raise ConfigError(problem + "\n".join(lines))
    return members[0] if len(members) == 1 else Ensemble(tuple(members))


def part_of_files(reader: ImageReader) -> str:
    """Returns which channels and planes a run reads; grey and RGB runs read the same, since they convert images."""
    channels = f"channels {reader.channels}"
    if reader.select is not None:
        channels = f"channels {', '.join(map(str, reader.select))}"
    elif reader.takes(1) and reader.takes(3):
        channels = "grey or RGB"
    return f"{channels}, plane {reader.plane or 'none'}"
