"""The files of a sample's truth → what the network is trained towards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from datasets.description import Value
from images.class_maps import VOID
from images.reading import read_class_map, read_labels, read_mask
from images.resize import resize_labels, resize_mask
from system.errors import DataError

BACKGROUND = "background"
BORDER_CLASSES = (BACKGROUND, "interior", "border")
BORDER_RADIUS = 1.5  # pixels: reaches diagonal neighbours, so that interiors never touch, not even by their corners


def border_classes(labels: np.ndarray, radius: float) -> np.ndarray:
    """Instance ids → 0 background, 1 interior, 2 border between touching or close instances.

    A pixel, of an instance or of the background, is border where at least two instances have a pixel at a distance of
    at most `radius` (Euclidean, between pixel centres; a pixel is at distance 0 from its own instance). These are the
    pixels in which the distances d1 and d2 to the two nearest cells, which the weight map of the U-Net paper is made
    of (Ronneberger et al. 2015, Eq. 2), are both at most `radius`; as a class of its own beside the nuclei's bodies
    they were learnt by the winners of the 2018 Data Science Bowl.

    Args:
        labels: [H, W] integers, 0 is background.
        radius: in pixels, at least 1: with 1, the two outermost rows of pixels where instances touch, and gaps of one
            pixel between them.

    Returns:
        [H, W] uint8.
    """
    reach = int(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (y**2 + x**2 <= radius**2).astype(np.uint8)
    ids = labels.astype(np.float64)  # holds every id exactly, and OpenCV filters it
    highest = cv2.dilate(ids, disc)
    lowest = cv2.erode(np.where(ids == 0, np.inf, ids), disc)
    return np.where((highest > 0) & (highest != lowest), 2, labels > 0).astype(np.uint8)


@dataclass(frozen=True)
class Targets:
    """How the truth of a data folder is read, resized and encoded in a run.

    In memory, encoded, a target is uint8: [H, W, K] {0, 1} in the tasks binary and multilabel, [H, W, 1] class indices
    {0 … K−1} in multiclass; 255 is void in both.

    Attributes:
        task: binary, multilabel or multiclass.
        source: "masks" (a file per class), "class map" (a file per sample) or "border" (made from label maps).
        classes: names of the K channels of the network; in multiclass the first is the background.
        palette, void: of class maps, see `datasets.description`.
        mask_threshold: for soft masks, in units of their full range.
        border_radius: in pixels of what the network sees, see `border_classes`.
    """

    task: str
    source: str
    classes: tuple[str, ...]
    palette: tuple[Value, ...] | None = None
    void: Value | None = None
    mask_threshold: float | None = None
    border_radius: float = BORDER_RADIUS

    @property
    def has_void(self) -> bool:
        """Whether targets may hold pixels of unknown class, 255."""
        return self.void is not None

    def read(self, files: Sequence[Path | None], *, like: Path, shape: tuple[int, int], max_pixels: int) -> np.ndarray:
        """The truth of one sample at its own size, still to be resized and encoded: [H, W, channels].

        Args:
            files: as in `datasets.folder.Sample.masks`.
            like, shape: the image and its (height, width), which all files must have.
            max_pixels: larger files are refused before they are decoded.

        Raises:
            DataError: a file is unreadable, of another size, or holds what it should not.
        """
        channels = [np.zeros(shape, np.uint8)] * len(files)
        for k, path in enumerate(files):
            if path is None:
                continue
            channels[k] = self._read_one(path, max_pixels)
            if channels[k].shape != shape:
                found, wanted = ("×".join(map(str, size)) for size in (channels[k].shape, shape))
                raise DataError(f"{path}: {found} pixels, but {like} has {wanted}; make both the same size")
        truth = np.stack(channels, axis=-1)
        return _exclusive(truth, files) if self.source == "masks" and self.task == "multiclass" else truth

    def _read_one(self, path: Path, max_pixels: int) -> np.ndarray:
        if self.source == "masks":
            return read_mask(path, threshold=self.mask_threshold, max_pixels=max_pixels)
        if self.source == "class map":
            return read_class_map(path, palette=self.palette, void=self.void, max_pixels=max_pixels)
        return read_labels(path, max_pixels=max_pixels)

    def resize(self, truth: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """[H, W, channels] as `read` gives it → [*size, channels]: masks by area, classes and ids by nearest pixel."""
        masks = self.source == "masks" and self.task != "multiclass"
        resized = resize_mask if masks else resize_labels
        return np.stack([resized(truth[..., k], size) for k in range(truth.shape[-1])], axis=-1)

    def encode(self, truth: np.ndarray, *, magnification: float = 1.0) -> np.ndarray:
        """[H, W, channels] as `read` or `resize` gives it → the encoded target of the class.

        Borders are made here, after the resizing: they are thin, and resized by nearest pixel they would break or
        vanish where the network sees less than the file holds.

        Args:
            magnification: pixels of `truth` per pixel of what the network sees, along a side.
        """
        if self.source == "border":
            return border_classes(truth[..., 0], max(1.0, self.border_radius * magnification))[..., None]
        if self.source == "class map" and self.task != "multiclass":
            masks = (truth == np.arange(1, len(self.palette))).astype(np.uint8)
            return np.where(truth == VOID, np.uint8(VOID), masks)
        return truth

    def to_tensor(self, target: np.ndarray) -> Tensor:
        """Encoded target → float32 [K, H, W] {0, 1, 255 void}; in multiclass int64 [H, W] class indices, 255 void."""
        if self.task == "multiclass":
            return torch.from_numpy(target[..., 0].astype(np.int64))
        return torch.from_numpy(np.ascontiguousarray(target.transpose(2, 0, 1))).float()

    def batch_to_tensor(self, target: Tensor) -> Tensor:
        """Encoded targets [N, H, W, channels] uint8, on any device → a batch of what `to_tensor` gives, there."""
        if self.task == "multiclass":
            return target[..., 0].long()
        return target.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)

    def foreground(self, target: np.ndarray) -> np.ndarray:
        """Encoded target → masks [H, W, classes without the background] uint8 {0, 1}; void is in none."""
        numbers = np.arange(1, len(self.classes)) if self.task == "multiclass" else 1
        return (target == numbers).astype(np.uint8)

    def pixel_counts(self, target: np.ndarray) -> np.ndarray:
        """Encoded target → [K + 1] int64: pixels of each class, then all pixels that are not void."""
        if self.task == "multiclass":
            counts = np.bincount(target.ravel(), minlength=VOID + 1)[: len(self.classes)]
            return np.append(counts, counts.sum())
        return np.append((target == 1).sum(axis=(0, 1)), np.count_nonzero(target[..., 0] != VOID))


def _exclusive(masks: np.ndarray, files: Sequence[Path | None]) -> np.ndarray:
    """Masks [H, W, F] {0, 1} that exclude each other → class indices [H, W, 1]; 0 where there is none."""
    shared = masks.sum(axis=-1, dtype=np.uint16) > 1
    if shared.any():
        touched = ", ".join(str(path) for k, path in enumerate(files) if masks[shared, k].any())
        raise DataError(
            f"{touched}: {int(shared.sum())} pixels belong to more than one class; task: multiclass needs each in one: "
            "mend the masks, or set task: multilabel"
        )
    return (masks * np.arange(1, masks.shape[-1] + 1, dtype=np.uint8)).sum(axis=-1, dtype=np.uint8)[..., None]
