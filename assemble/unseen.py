"""Runs → what they predict for images that they have not learnt from."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from assemble.opening import open_run
from assemble.own_data import own_data
from inference.cells.decoding import METHODS, Decoding, decode
from inference.predictor import Predictor
from system.errors import ConfigError, DataError

ROOT = Path(__file__).resolve().parents[1]  # paths in a configuration are relative to it


@dataclass(frozen=True)
class Unseen:
    """An image of the validation part of a run.

    Attributes:
        id: of the image.
        run: the run that has not learnt from it.
        predictor: that of the run.
        stored: [H, W, C] of any dtype, the image as its file has it.
        labels: [H, W] integers, its label map.
    """

    id: str
    run: Path
    predictor: Predictor
    stored: np.ndarray
    labels: np.ndarray

    @property
    def image(self) -> np.ndarray:
        """[H, W, C] uint8, as the run reads it."""
        return self.predictor.reader.convert(self.stored)

    @property
    def how(self) -> Decoding:
        """How the run finds cells."""
        return self.predictor.require_cells().how

    @cached_property
    def maps(self) -> np.ndarray:
        """[K, H, W] float32, what the run predicts."""
        return self.predictor.maps(self.stored)

    @cached_property
    def prediction(self) -> np.ndarray:
        """[H, W] int32, the cells that the run finds."""
        return decode(self.maps, self.how).labels

    @property
    def depth(self) -> np.ndarray:
        """[H, W] float32, high inside of single cells: what the decoding floods, or the probability of a cell."""
        height = METHODS[self.how.method].landscape(self.maps, self.how).height
        return self.maps[0] if height is None else -height


def unseen_images(runs: Sequence[Path], *, tta: bool = False, engine: str = "torch") -> Iterator[Unseen]:
    """Yields the validation images of some runs, such as the folds of one data folder.

    What it prints of the data goes to standard error, because its callers print tables.

    Args:
        tta, engine: see `assemble.opening.open_run`.

    Raises:
        ConfigError: a run is a ready model or has no cells, or an image is in the validation parts of two runs.
        DataError: the data folder has no label maps.
    """
    known: dict[str, Path] = {}
    for path in runs:
        saved = open_run(path, tta=tta, engine=engine)
        saved.predictor.require_cells()
        with contextlib.redirect_stdout(sys.stderr):
            samples, _, _ = own_data(saved, "val", ROOT)
        for number, sample in enumerate(samples.samples):
            if (other := known.setdefault(sample.id, path)) != path:
                raise ConfigError(f"{path}: its image {sample.id} also validates {other}; give runs of different folds")
            if sample.labels is None:
                raise DataError(f"{saved.config.data.root}: this needs label maps, such as labels/{sample.id}.png")
            stored = saved.predictor.reader.open(sample.image)
            yield Unseen(sample.id, path, saved.predictor, stored, samples.labels(number, at_file_size=True))
