"""One sample, read once → its measurements and its problems; the pixels are not kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from datasets.folder.listing import Listing
from datasets.folder.problems import Problem
from datasets.folder.truth_files import TruthFiles
from datasets.grouping.views import View, view_of
from images.image_reader import ImageReader
from images.objects import areas_of
from images.opening import axes_of
from images.planes import described
from images.reading import decode_class_map, decode_image, decode_labels, decode_mask, read_bytes
from system.errors import FileError

Decode = Callable[[bytes, str], np.ndarray]  # the content of a file, and the name that messages call it


@dataclass
class MaskMeasures:
    """One class of one sample.

    Attributes:
        foreground, pixels: how many pixels belong to the class, and how many there are.
        areas: [objects] integer, pixels of each object.
        digest: of the pixels; None for an empty mask, whether it has a file or not.
    """

    foreground: int
    pixels: int
    areas: np.ndarray
    digest: str | None


@dataclass
class Inspection:
    """One sample. Files are paths relative to the data folder.

    Attributes:
        root: the data folder.
        image, masks, label_map: its files; masks is class → file.
        size: (height, width) of the image in pixels; None if it is not usable, as are the next two.
        pixels: channels and type, such as "3 × uint8", and of a stack its axes, such as "3 × uint8 of 5 planes (z 5)".
        channels: how many there are; None if the image is not usable.
        content: digest of the pixels, the same for grey in one channel and in three equal ones.
        equal_channels: the image has three channels and they are equal.
        measures: class → what was measured in its mask, without masks that are not usable.
        overlapping: pixels that belong to more than one class.
        digests: file → SHA-256 hex digest; None where the file cannot be read.
        view: by which its kind, near duplicates and neighbours are found; None if the image is not usable.
    """

    root: Path
    image: str
    masks: Mapping[str, str]
    label_map: str | None
    size: tuple[int, int] | None = None
    pixels: str | None = None
    channels: int | None = None
    content: str | None = None
    equal_channels: bool = False
    measures: dict[str, MaskMeasures] = field(default_factory=dict)
    overlapping: int = 0
    digests: dict[str, str | None] = field(default_factory=dict)
    view: View | None = None
    problems: list[Problem] = field(default_factory=list)

    def add(self, kind: str, files: Sequence[str], found: str, fix: str, truth: str | None = None) -> None:
        self.problems.append(Problem(kind, tuple(files), found, fix, truth))


def inspect_sample(
    listing: Listing,
    truth: TruthFiles,
    sample_id: str,
    *,
    mask_threshold: float | None = None,
    reader: ImageReader | None = None,
) -> Inspection:
    """Reads and hashes all files of one sample; problems are collected, never raised.

    Args:
        truth: the files of the truth.
        reader: says which plane and channels of the image are read; None reads all channels of single images.
    """
    masks_of = {name: files[sample_id] for name, files in truth.files.items() if sample_id in files}
    label_map = listing.labels.get(sample_id) if truth.folder == "masks" else None  # else it is the truth itself
    sample = Inspection(listing.root, listing.images[sample_id], masks_of, label_map)
    _inspect_image(sample, reader)
    labels, ids = None, {}
    if label_map is not None:
        labels = _open(sample, label_map, decode_labels, refused="labels", truth="labels")
    if truth.kind == "classes":
        masks = _open_class_map(listing, truth, sample)
    elif truth.kind == "labels":
        opened = {name: _open_mask(sample, file, decode_labels) for name, file in masks_of.items()}
        ids = {name: found for name, found in opened.items() if found is not None}
        masks = {name: (found > 0).view(np.uint8) for name, found in ids.items()}
    else:
        decode = partial(decode_mask, threshold=mask_threshold)
        opened = {name: _open_mask(sample, file, decode) for name, file in masks_of.items()}
        masks = {name: mask for name, mask in opened.items() if mask is not None}
    if labels is not None and not _labels_fit(sample, labels, masks):
        labels = None
    sample.measures = {name: _measure(mask, ids.get(name, labels)) for name, mask in masks.items()}
    if sample.size and len(truth.files) > 1 and truth.kind != "classes":
        absent = MaskMeasures(0, sample.size[0] * sample.size[1], np.zeros(0, np.int64), None)
        sample.measures |= {name: absent for name in truth.files if name not in masks_of}
    _inspect_masks(sample, masks, classes=len(truth.files))
    return sample


def _open_mask(sample: Inspection, file: str, decode: Decode) -> np.ndarray | None:
    """A mask or class map of the image's size; None, and a problem, where it is not usable."""
    mask = _open(sample, file, decode, refused="mask values", truth="masks")
    if mask is not None and sample.size not in (None, mask.shape):
        found = f"{_text(mask.shape)} pixels, but {sample.image} has {_text(sample.size)} (height×width)"
        sample.add("size", (file,), found, "make image and mask the same size", "masks")
        return None
    return mask


def _open_class_map(listing: Listing, truth: TruthFiles, sample: Inspection) -> dict[str, np.ndarray]:
    """Class → mask [H, W] uint8 {0, 1}, without the background; empty, and a problem, where the map is not usable."""
    file, described = next(iter(sample.masks.values()), None), listing.description
    decode = partial(decode_class_map, palette=described.class_map_palette, void=described.void)
    indices = None if file is None else _open_mask(sample, file, decode)
    if indices is None:
        return {}
    return {name: (indices == number).view(np.uint8) for number, name in enumerate(truth.files, start=1)}


def _open(
    sample: Inspection, file: str, decode: Decode, *, refused: str, truth: str | None = None
) -> np.ndarray | None:
    """The decoded file; None, and a problem, where it is not usable.

    Args:
        refused: the kind of the problem where the file is a whole image.
        truth: of the problem.
    """
    try:
        data = read_bytes(sample.root / file)
    except FileError as error:
        sample.digests[file] = None
        sample.add("unreadable", (file,), error.found, error.fix, truth)
        return None
    sample.digests[file] = hashlib.sha256(data).hexdigest()
    try:
        return decode(data, file)
    except FileError as error:
        sample.add("unreadable" if error.kind == "unreadable" else refused, (file,), error.found, error.fix, truth)
        return None


def _inspect_image(sample: Inspection, reader: ImageReader | None) -> None:
    image = _open(sample, sample.image, decode_image if reader is None else reader.decoded, refused="pixel values")
    if image is None:
        return
    sample.size, sample.channels, sample.view = image.shape[:2], image.shape[2], view_of(image)
    sample.pixels = f"{image.shape[2]} × {image.dtype}"
    if reader is not None and reader.plane is not None:
        axes = axes_of(sample.root / sample.image, max_pixels=reader.max_pixels)
        sample.pixels += f" of {described(axes)}" if axes else ""
    if (image == image[0, 0]).all():
        value = ", ".join(str(value) for value in image[0, 0])
        fix = "remove it with its masks if it shows nothing"
        sample.add("constant image", (sample.image,), f"every pixel is {value}", fix)
    sample.equal_channels = image.shape[2] == 3 and bool((image == image[..., :1]).all())
    content = np.ascontiguousarray(image[..., :1] if sample.equal_channels else image)
    digest = hashlib.sha256(f"{content.shape} {content.dtype}".encode())
    digest.update(content)
    sample.content = digest.hexdigest()


def _labels_fit(sample: Inspection, labels: np.ndarray, masks: Mapping[str, np.ndarray]) -> bool:
    """Whether `labels` have the size of image and masks; they are compared with the masks where all are there."""
    shapes = {mask.shape for mask in masks.values()} | ({sample.size} if sample.size else set())
    file, fix = (sample.label_map,), "draw both from the same objects, or remove the label map"
    others = sorted(shapes - {labels.shape})
    if others:
        found = f"{_text(labels.shape)} pixels, but image or mask has {_text(others[0])} (height×width)"
        sample.add("labels", file, found, fix, "labels")
        return False
    if masks and len(masks) == len(sample.masks):
        united = np.maximum.reduce(list(masks.values()))
        differing = int(np.count_nonzero((labels > 0) != (united > 0)))
        if differing:
            found = f"{differing} pixels are foreground in only one of mask and label map"
            sample.add("labels", file, found, fix, "labels")
    return True


def _measure(mask: np.ndarray, labels: np.ndarray | None) -> MaskMeasures:
    """Measures [H, W] {0, 1}; its objects are those of `labels`, or what is connected."""
    foreground = int(np.count_nonzero(mask))
    digest = hashlib.sha256(mask.tobytes()).hexdigest() if foreground else None
    return MaskMeasures(foreground, mask.size, areas_of(mask, labels), digest)


def _inspect_masks(sample: Inspection, masks: Mapping[str, np.ndarray], *, classes: int) -> None:
    files = list(dict.fromkeys(sample.masks[name] for name in masks))  # a class map once
    for name in masks:
        if sample.measures[name].foreground == sample.measures[name].pixels:
            fix = "check that foreground and background are not mixed up"
            sample.add("full mask", (sample.masks[name],), "covers the whole image", fix, "masks")
    empty = not any(one.foreground for one in sample.measures.values())
    if classes and len(sample.measures) == classes and empty:
        found = "no foreground" if classes == 1 else "no foreground in any class"
        fix = "nothing, if the image shows no objects; else draw them"
        sample.add("empty mask", files or [sample.image], found, fix, "masks")
    if len(masks) > 1 and len({mask.shape for mask in masks.values()}) == 1:
        shared = np.add.reduce(list(masks.values()), dtype=np.uint16) > 1
        sample.overlapping = int(np.count_nonzero(shared))
        if sample.overlapping:
            touched = [sample.masks[name] for name, mask in masks.items() if mask[shared].any()]
            share = f"{sample.overlapping / shared.size:.2%}"
            found = f"{sample.overlapping} pixels ({share}) belong to more than one class"
            fix = "nothing, if classes may overlap (task: multilabel); else leave each pixel to one class"
            sample.add("overlap", touched, found, fix, "masks")


def _text(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))
