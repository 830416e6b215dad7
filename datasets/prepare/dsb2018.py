"""The 2018 Data Science Bowl (stage1_train): a PNG for each nucleus → a mask and a label map for each image.

The source is the archive, or the folder with its unpacked files, with or without one leading folder:

    <id>/images/<id>.png       8 bits per channel
    <id>/masks/<name>.png      one nucleus, 0 and 255, of the size of the image
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from datasets.prepare.importer import (
    Faults,
    Size,
    add_common_options,
    in_order_of_area,
    sizes_line,
    text_of_size,
    write_entries,
)
from datasets.prepare.layout import write_description, write_sample
from datasets.prepare.painting import LabelPainter
from datasets.prepare.source import Source
from images.image_reader import ImageReader
from images.reading import decode_mask
from images.resize import resize_image, resize_labels, resize_mask
from system.errors import ConfigError, DataError
from system.files import staged_folder
from system.names import fault_of

ORIGIN = "Broad Bioimage Benchmark Collection, BBBC038v1: 2018 Data Science Bowl, stage1_train"
EXPECTED = "expected <id>/images/<id>.png and <id>/masks/*.png, as in the stage1_train.zip of BBBC038v1"
ARCHIVE = "stage1_train.zip"  # lies in the archive of the whole competition, which Kaggle offers
MAX_NUCLEI = 65_535  # a label map has 16 bits


@dataclass(frozen=True)
class Entry:
    """One image of the source and its nuclei, as sorted names of entries."""

    sample_id: str
    image: str
    masks: tuple[str, ...]


@dataclass(frozen=True)
class Written:
    """What was written for one entry."""

    digests: dict[str, str]  # path below the data folder → SHA-256
    native: Size
    nuclei: int  # nuclei with pixels in the written label map
    lost: int  # nuclei that had pixels before the image was resized, and have none now
    undrawn: tuple[str, ...]  # masks of nuclei that had no pixels even before the image was resized


@dataclass(frozen=True)
class Summary:
    """What was written in total; `str()` is the report for the user."""

    folder: Path
    images: int
    nuclei: int
    sizes: tuple[Size, ...]  # of the images in the source, from the smallest to the largest
    size: Size | None
    lost: int
    undrawn: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"images: {self.images}", f"nuclei: {self.nuclei}", sizes_line(self.sizes)]
        if self.size is not None:
            lines.append(f"resized to {text_of_size(self.size)}, which lost {self.lost} nuclei")
        if self.undrawn:
            some = ", ".join(self.undrawn[:3]) + (", ..." if len(self.undrawn) > 3 else "")
            lines.append(f"masks that are empty or hidden under other nuclei: {len(self.undrawn)} ({some})")
        return "\n".join([*lines, f"folder: {self.folder}"])


def find_entries(names: Iterable[str], source: Path) -> list[Entry]:
    """Names of entries → entries sorted by id. Hidden files and names that do not fit the layout are ignored.

    Raises:
        DataError: no name fits the layout, ids cannot name a file, or lack their one image or their masks; all of them
            at once.
    """
    names = sorted(set(names))
    faults = Faults(source)
    found: dict[str, dict[str, list[str]]] = {}
    for name in names:
        match = re.fullmatch(r"(?:[^/]+/)?([^/]+)/(images|masks)/[^./][^/]*\.png", name)
        if match is None or name.startswith("__MACOSX/"):
            continue
        sample_id, kind = match.groups()
        found.setdefault(sample_id, {"images": [], "masks": []})[kind].append(name)
    if not found:
        faults.add(_nothing_found(names, source))
    for sample_id, files in found.items():
        images, masks = files["images"], files["masks"]
        first = [*images, *masks][0]
        if re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", sample_id) is None or fault_of(sample_id):
            allowed = "letters, digits, '_', '-' and '.', which may not come first"
            faults.add(f"{first}: the id {sample_id!r} cannot name a file; rename it, using {allowed}")
        elif len(images) != 1 or not 1 <= len(masks) <= MAX_NUCLEI:
            counts = f"images of this id: {len(images)}, masks: {len(masks)}"
            needed = f"one image and 1 to {MAX_NUCLEI} masks are needed: complete or remove {sample_id}"
            faults.add(f"{first}: {counts}; {needed}; {EXPECTED}")
    faults.refuse(names=names, importer="dsb2018")
    return [Entry(name, found[name]["images"][0], tuple(found[name]["masks"])) for name in sorted(found)]


def _nothing_found(names: Iterable[str], source: Path) -> str:
    inner = next((name for name in names if name.split("/")[-1] == ARCHIVE), None)
    if inner is None:
        return f"contains nothing of this data set; {EXPECTED}"
    if source.is_dir():
        return f"contains {inner} as an archive; give --source {source / inner}"
    how = f"unzip {source.name} {inner}"
    return f"contains the archive {inner}; take it out ({how}) and give --source {inner}"


def paint_labels(masks: Iterable[np.ndarray], shape: Size) -> np.ndarray:
    """Masks [H, W] uint8 {0, 1} of one nucleus each → label map [H, W] uint16. The n-th mask has the id n, from 1.

    Where nuclei overlap, the smaller one is on top, or the later one of two equally large ones.
    """
    painter = LabelPainter(shape)
    for number, mask in enumerate(masks, start=1):
        left, top, width, height = cv2.boundingRect(mask)
        window = np.s_[top : top + height, left : left + width]
        painter.add(number, window, mask[window].astype(bool))
    return painter.labels.astype(np.uint16)


def _masks(source: Source, entry: Entry, shape: Size) -> Iterator[np.ndarray]:
    """Yields the masks of an entry, one after the other, so that they are not all in memory."""
    for name in entry.masks:
        mask = decode_mask(source.read(name), str(source.path / name))
        if mask.shape != shape:
            sizes = f"the mask has {text_of_size(mask.shape)} pixels (HxW), but its image has {text_of_size(shape)}"
            raise DataError(f"{source.path / name}: {sizes}; replace the mask or remove {entry.sample_id}")
        yield mask


def prepare_entry(source: Source, entry: Entry, *, folder: Path, size: Size | None) -> Written:
    """Reads one entry and writes its sample below `folder`, resized to `size` if a size is given.

    Raises:
        DataError: a file cannot be read or is of the wrong kind, or a mask does not have the size of the image.
    """
    image = ImageReader().decode(source.read(entry.image), str(source.path / entry.image))
    native = image.shape[:2]
    labels = paint_labels(_masks(source, entry, native), native)
    mask = labels > 0
    drawn = kept = set(np.flatnonzero(np.bincount(labels.ravel()))) - {0}
    if size is not None:
        image, mask, labels = resize_image(image, size), resize_mask(mask, size), resize_labels(labels, size)
        kept = set(np.flatnonzero(np.bincount(labels.ravel()))) - {0}
    digests = write_sample(folder, entry.sample_id, image=image, masks={"nucleus": mask}, labels=labels)
    undrawn = tuple(name for number, name in enumerate(entry.masks, start=1) if number not in drawn)
    return Written(digests, native, nuclei=len(kept), lost=len(drawn - kept), undrawn=undrawn)


def prepare(source: Path, out: Path, *, size: Size | None = None, workers: int | None = None) -> Summary:
    """Writes the data set to `out`. By default there is a process for each usable core; their number changes no file.

    Raises:
        DataError: the source is missing or damaged, or has another layout.
        ConfigError: `out` is not empty.
    """
    opened = Source(source)
    entries = find_entries(opened.names(), source)
    with staged_folder(out) as folder:
        write = partial(prepare_entry, size=size)
        written = write_entries(entries, write, sources=[opened], folder=folder, workers=workers)
        nuclei, lost = sum(one.nuclei for one in written), sum(one.lost for one in written)
        notes: dict[str, object] = {"images": len(written), "nuclei": nuclei}
        if size is not None:
            notes |= {"size": list(size), "nuclei_lost": lost}
        digests = {path: digest for one in written for path, digest in one.digests.items()}
        write_description(
            folder, digests, name="dsb2018", classes=["nucleus"], source=ORIGIN, licence="CC0-1.0", notes=notes
        )
    sizes = in_order_of_area(one.native for one in written)
    return Summary(out, len(written), nuclei, sizes, size, lost, tuple(name for one in written for name in one.undrawn))


def parse_size(text: str) -> Size:
    """`96` or `96x128` → (height, width) in pixels.

    Raises:
        ConfigError: the text has another form, or a side is not in 1 to 9999.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,3})(?:x([1-9][0-9]{0,3}))?", text)
    if match is None:
        raise ConfigError(
            f"--size {text}: give one number for a square, or HEIGHTxWIDTH such as 96x128, each from 1 to 9999 pixels"
        )
    height, width = match.group(1), match.group(2) or match.group(1)
    return int(height), int(width)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this importer to its command."""
    add_common_options(parser, source=f"{ARCHIVE}, or its unpacked folder")
    parser.add_argument(
        "--size", type=parse_size, metavar="S|HxW", help="resize everything to this size (default: native sizes)"
    )


def run(options: argparse.Namespace) -> Summary:
    """Prepares the set as the command line says."""
    return prepare(options.source, options.out, size=options.size, workers=options.workers)
