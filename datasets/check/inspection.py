"""One sample, read once → what is known of it and what is wrong with it; its pixels are not kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from datasets.check.findings import Problem
from datasets.check.inventory import Entry
from datasets.description import Description
from images.reading import decode_class_map, decode_image, decode_labels, decode_mask, read_bytes
from system.errors import FileError


@dataclass
class MaskFacts:
    """One class of one sample: pixels of the foreground and in all, area of each object in pixels, digest."""

    foreground: int
    pixels: int
    areas: np.ndarray  # [objects] integer
    digest: str | None  # of the pixels; None for an empty mask, whether it has a file or not


@dataclass
class SampleFacts:
    """One sample.

    Attributes:
        size: (height, width) of the image in pixels; None if it is not usable, as are the next two.
        pixels: channels and type, such as "3 × uint8".
        content: digest of the pixels, the same for grey in one channel and in three equal ones.
        equal_channels: the image has three channels and they are equal.
        masks: class → its facts, without those that are not usable.
        overlapping: pixels that belong to more than one class.
        digests: path → SHA-256 hex digest of the file; None where the file cannot be read.
    """

    entry: Entry
    size: tuple[int, int] | None = None
    pixels: str | None = None
    content: str | None = None
    equal_channels: bool = False
    masks: dict[str, MaskFacts] = field(default_factory=dict)
    overlapping: int = 0
    digests: dict[str, str | None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, kind: str, files: Sequence[str], found: str, fix: str) -> None:
        self.problems.append(Problem(kind, tuple(files), found, fix))


def inspect_sample(
    root: Path, entry: Entry, classes: Sequence[str], described: Description, *, mask_threshold: float | None = None
) -> SampleFacts:
    """Reads and digests all files of `entry`, which lie below `root`; problems are collected, never raised."""
    facts = SampleFacts(entry)
    _inspect_image(root, facts)
    labels = _open(root, entry.labels, decode_labels, facts, "labels") if entry.labels else None
    if entry.class_map:
        masks = _open_class_map(root, facts, classes, described)
    else:
        decoded = partial(decode_mask, threshold=mask_threshold)
        opened = {name: _open_mask(root, file, decoded, facts) for name, file in entry.masks.items()}
        masks = {name: mask for name, mask in opened.items() if mask is not None}
    if entry.labels and labels is not None:
        labels = _fitting_labels(facts, labels, masks)
    facts.masks = {name: _measure(mask, labels) for name, mask in masks.items()}
    if facts.size and len(classes) > 1 and not entry.class_map:
        absent = MaskFacts(0, facts.size[0] * facts.size[1], np.zeros(0, np.int64), None)
        facts.masks |= {name: absent for name in classes if name not in entry.masks}
    _inspect_masks(facts, masks, classes)
    return facts


def _open_mask(
    root: Path, file: str, decoded: Callable[[bytes, str], np.ndarray], facts: SampleFacts
) -> np.ndarray | None:
    """A mask or class map of the image's size, or None and a problem."""
    mask = _open(root, file, decoded, facts, "mask values")
    if mask is not None and facts.size not in (None, mask.shape):
        found = f"{_text(mask.shape)} pixels, but {facts.entry.image} has {_text(facts.size)} (height×width)"
        facts.add("size", (file,), found, "make image and mask the same size")
        return None
    return mask


def _open_class_map(
    root: Path, facts: SampleFacts, classes: Sequence[str], described: Description
) -> dict[str, np.ndarray]:
    """Class → mask [H, W] uint8 {0, 1}, without the background; empty, and a problem, where the map is not usable."""
    file = next(iter(facts.entry.masks.values()), None)
    decoded = partial(decode_class_map, palette=described.class_map_palette, void=described.void)
    indices = None if file is None else _open_mask(root, file, decoded, facts)
    if indices is None:
        return {}
    return {name: (indices == number).view(np.uint8) for number, name in enumerate(classes, start=1)}


def _open(
    root: Path, file: str, decoded: Callable[[bytes, str], np.ndarray], facts: SampleFacts, refused: str
) -> np.ndarray | None:
    """The decoded file, or None and a problem, whose kind is `refused` where the file is a whole image."""
    try:
        data = read_bytes(root / file)
    except FileError as error:
        facts.digests[file] = None
        facts.add("unreadable", (file,), error.found, error.fix)
        return None
    facts.digests[file] = hashlib.sha256(data).hexdigest()
    try:
        return decoded(data, file)
    except FileError as error:
        facts.add("unreadable" if error.kind == "unreadable" else refused, (file,), error.found, error.fix)
        return None


def _inspect_image(root: Path, facts: SampleFacts) -> None:
    file = facts.entry.image
    image = _open(root, file, decode_image, facts, "pixel values")
    if image is None:
        return
    facts.size = image.shape[:2]
    facts.pixels = f"{image.shape[2]} × {image.dtype}"
    if (image == image[0, 0]).all():
        value = ", ".join(str(value) for value in image[0, 0])
        facts.add("constant image", (file,), f"every pixel is {value}", "remove it with its masks if it shows nothing")
    facts.equal_channels = image.shape[2] == 3 and bool((image == image[..., :1]).all())
    content = np.ascontiguousarray(image[..., :1] if facts.equal_channels else image)
    digest = hashlib.sha256(f"{content.shape} {content.dtype}".encode())
    digest.update(content)
    facts.content = digest.hexdigest()


def _fitting_labels(facts: SampleFacts, labels: np.ndarray, masks: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """`labels` where their ids can be counted below the masks; compares the two where all masks are there."""
    shapes = {mask.shape for mask in masks.values()} | ({facts.size} if facts.size else set())
    file, fix = (facts.entry.labels,), "draw both from the same objects, or remove the label map"
    others = sorted(shapes - {labels.shape})
    if others:
        found = f"{_text(labels.shape)} pixels, but image or mask has {_text(others[0])} (height×width)"
        facts.add("labels", file, found, fix)
        return None
    if masks and len(masks) == len(facts.entry.masks):
        united = np.maximum.reduce(list(masks.values()))
        differing = int(np.count_nonzero((labels > 0) != (united > 0)))
        if differing:
            found = f"{differing} pixels are foreground in only one of mask and label map"
            facts.add("labels", file, found, fix)
    return labels


def _measure(mask: np.ndarray, labels: np.ndarray | None) -> MaskFacts:
    foreground = int(np.count_nonzero(mask))
    if labels is not None:
        ids = labels[mask > 0]
        areas = np.unique(ids[ids > 0], return_counts=True)[1]  # not bincount: ids of 32 bits may be any number
    else:
        areas = cv2.connectedComponentsWithStats(mask, connectivity=8)[2][1:, cv2.CC_STAT_AREA].copy()
    digest = hashlib.sha256(mask.tobytes()).hexdigest() if foreground else None
    return MaskFacts(foreground, mask.size, areas, digest)


def _inspect_masks(facts: SampleFacts, masks: Mapping[str, np.ndarray], classes: Sequence[str]) -> None:
    files = list(dict.fromkeys(facts.entry.masks[name] for name in masks))  # a class map once
    for name in masks:
        if facts.masks[name].foreground == facts.masks[name].pixels:
            fix = "check that foreground and background are not mixed up"
            facts.add("full mask", (facts.entry.masks[name],), "covers the whole image", fix)
    if classes and len(facts.masks) == len(classes) and not any(one.foreground for one in facts.masks.values()):
        found = "no foreground" if len(classes) == 1 else "no foreground in any class"
        fix = "nothing, if the image shows no objects; else draw them"
        facts.add("empty mask", files or [facts.entry.image], found, fix)
    if len(masks) > 1 and len({mask.shape for mask in masks.values()}) == 1:
        shared = np.add.reduce(list(masks.values()), dtype=np.uint16) > 1
        facts.overlapping = int(np.count_nonzero(shared))
        if facts.overlapping:
            touched = [facts.entry.masks[name] for name, mask in masks.items() if mask[shared].any()]
            found = f"{facts.overlapping} pixels ({facts.overlapping / shared.size:.2%}) belong to more than one class"
            fix = "nothing, if classes may overlap (task: multilabel); else leave each pixel to one class"
            facts.add("overlap", touched, found, fix)


def _text(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))
