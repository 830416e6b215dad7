"""What the first start of a training found out about its data. A checkpoint keeps it for the resumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from images.image_reader import ImageReader
from images.normalise import Normalisation
from images.statistics.table import ImageTable

PARTS = ("train", "val")


@dataclass(frozen=True)
class EarlierStart:
    """What was found in the samples.

    Attributes:
        digest: of the data, see `datasets.fingerprint`. All else is only true for these data.
        kind: what the files of the truth are, see `datasets.folder.truth_files.TruthFiles`.
        reader, normalise: see `datasets.survey.TrainingData`.
        sizes: "train" and "val" → (height, width) of each image in its file, [samples, 2] int32.
        target_channels: number of channels of an encoded target.
        pixels: "train" and "val" → pixels of each class, [K] int64.
        description: in a line.
        split: id → part, if the split depends on the pixels of the images; None if the names are enough.
        statistics: of the training images; None if they were not measured, as in earlier versions.
    """

    digest: str
    kind: str
    reader: ImageReader
    normalise: Normalisation
    sizes: Mapping[str, np.ndarray]
    target_channels: int
    pixels: Mapping[str, np.ndarray]
    description: str
    split: Mapping[str, str] | None = None
    statistics: ImageTable | None = None

    def to_dict(self) -> dict[str, object]:
        """Returns what a checkpoint has no other keys for: tensors and plain Python."""
        kept = {} if self.split is None else {"split": dict(self.split)}
        return kept | {
            "kind": self.kind,
            "sizes": {part: torch.from_numpy(self.sizes[part]) for part in PARTS},
            "target_channels": self.target_channels,
            "pixels": {part: self.pixels[part].tolist() for part in PARTS},
            "description": self.description,
        }

    @classmethod
    def of_checkpoint(cls, state: Mapping) -> EarlierStart | None:
        """Reads it from a checkpoint; None if this is not all there, as in checkpoints of earlier versions."""
        try:
            found = state["samples"]
            return cls(
                digest=state["data"],
                kind=found["kind"],
                reader=ImageReader.from_dict(state["reader"]),
                normalise=Normalisation.from_dict(state["normalisation"]),
                sizes={part: found["sizes"][part].numpy().reshape(-1, 2) for part in PARTS},
                target_channels=int(found["target_channels"]),
                pixels={part: np.array(found["pixels"][part], np.int64) for part in PARTS},
                description=str(found["description"]),
                split=None if found.get("split") is None else dict(found["split"]),
                statistics=ImageTable.from_dict(state.get("statistics")),
            )
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError):
            return None
