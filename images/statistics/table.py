"""The statistics of all training images of a run, as its checkpoint keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

ROWS = 512  # images that are measured; of more, this many that are evenly spread


def measured_rows(images: int) -> list[int]:
    """Returns which of so many images are measured, by their numbers from 0."""
    return np.unique(np.linspace(0, images - 1, min(ROWS, images)).astype(int)).tolist() if images else []


@dataclass(frozen=True)
class ImageTable:
    """A row for each image, see `images.statistics.features`.

    Attributes:
        names: of the columns.
        values: [rows, columns] float32; NaN where a number is not known.
    """

    names: tuple[str, ...]
    values: np.ndarray

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, float]]) -> ImageTable:
        """Makes the table of the images' statistics, in their order."""
        names = tuple(dict.fromkeys(name for row in rows for name in row))
        values = [[row.get(name, np.nan) for name in names] for row in rows]
        return cls(names, np.array(values, np.float32).reshape(len(rows), len(names)))

    @cached_property
    def columns(self) -> dict[str, np.ndarray]:
        """name → [rows] float32."""
        return {name: self.values[:, place] for place, name in enumerate(self.names)}

    def to_dict(self) -> dict[str, object]:
        """Returns tensors and plain Python for a checkpoint; `ImageTable.from_dict` reads it back."""
        return {"names": list(self.names), "values": torch.from_numpy(self.values)}

    @classmethod
    def from_dict(cls, state: object) -> ImageTable | None:
        """Reads what `to_dict` returned; None if it is something else, as in checkpoints of earlier versions."""
        try:
            values = state["values"].numpy()
            table = cls(tuple(map(str, state["names"])), values)
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError):
            return None
        whole = values.ndim == 2 and values.dtype == np.float32 and values.shape[1] == len(table.names)
        return table if whole else None
