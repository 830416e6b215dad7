"""The 2018 Data Science Bowl (stage1_train): a PNG for each nucleus → a mask and a label map for each image.

The source is the archive, or the folder with its unpacked files, with or without one leading folder:

    <id>/images/<id>.png       8 bits per channel
    <id>/masks/<name>.png      one nucleus, 0 and 255, of the size of the image
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from datasets.prepare.archive import open_archive
from datasets.prepare.layout import write_description, write_sample
from images.image_reader import ImageReader
from images.reading import decode_mask, read_bytes
from images.resize import resize_image, resize_labels, resize_mask
from system.cores import usable_cores
from system.errors import DataError
from system.files import staged_folder
from system.names import fault_of
from system.progress_bar import progress_bar

ORIGIN = "Broad Bioimage Benchmark Collection, BBBC038v1: 2018 Data Science Bowl, stage1_train"
EXPECTED = "expected <id>/images/<id>.png and <id>/masks/*.png, as in the stage1_train.zip of BBBC038v1"
MAX_NUCLEI = 65_535  # a label map has 16 bits
Size = tuple[int, int]  # (height, width) in pixels


def _text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


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
        sizes = f"{_text(self.sizes[0])} to {_text(self.sizes[-1])} (HxW)"
        lines = [f"images: {self.images}", f"nuclei: {self.nuclei}", f"sizes in the source: {sizes}"]
        if self.size is not None:
            lines.append(f"resized to {_text(self.size)}, which lost {self.lost} nuclei")
        if self.undrawn:
            some = ", ".join(self.undrawn[:3]) + (", ..." if len(self.undrawn) > 3 else "")
            lines.append(f"masks that are empty or hidden under other nuclei: {len(self.undrawn)} ({some})")
        return "\n".join([*lines, f"folder: {self.folder}"])


class Source:
    """A zip archive or a folder. Entries are read by names with forward slashes; nothing is unpacked.

    Raises:
        DataError: there is nothing at `path`, or it is no folder and `datasets.prepare.archive` refuses it.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder; give --source stage1_train.zip or its unpacked folder")
        self.path = path
        self.archive = None if path.is_dir() else open_archive(path)

    def names(self) -> list[str]:
        """Names of all entries of an archive, or of the files in a folder that fit the layout, in any order."""
        if self.archive is not None:
            return self.archive.namelist()
        patterns = [f"{lead}*/{kind}/*.png" for lead in ("", "*/") for kind in ("images", "masks")]
        return [found.relative_to(self.path).as_posix() for pattern in patterns for found in self.path.glob(pattern)]

    def read(self, name: str) -> bytes:
        """Content of one entry.

        Raises:
            DataError: it cannot be read, or the checksum in the archive is another one.
        """
        try:
            return read_bytes(self.path / name) if self.archive is None else self.archive.read(name)
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # RuntimeError: a password
            raise DataError(f"{self.path / name}: cannot be read ({error}); download the data set again") from error


def find_entries(names: Iterable[str], source: Path) -> list[Entry]:
    """Names of entries → entries sorted by id. Hidden files and names that do not fit the layout are ignored.

    Raises:
        DataError: no name fits the layout, an id cannot name a file, or an id lacks its one image or its masks.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for name in sorted(set(names)):
        match = re.fullmatch(r"(?:[^/]+/)?([^/]+)/(images|masks)/[^./][^/]*\.png", name)
        if match is None or name.startswith("__MACOSX/"):
            continue
        sample_id, kind = match.groups()
        if re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", sample_id) is None or fault_of(sample_id):
            allowed = "letters, digits, '_', '-' and '.', which may not come first"
            raise DataError(f"{source / name}: the id {sample_id!r} cannot name a file; rename it, using {allowed}")
        found.setdefault(sample_id, {"images": [], "masks": []})[kind].append(name)
    if not found:
        raise DataError(f"{source}: contains nothing of this data set; {EXPECTED}")
    for sample_id, files in found.items():
        images, masks = files["images"], files["masks"]
        if len(images) != 1 or not 1 <= len(masks) <= MAX_NUCLEI:
            counts = f"images of this id: {len(images)}, masks: {len(masks)}"
            needed = f"one image and 1 to {MAX_NUCLEI} masks are needed: complete or remove {sample_id}"
            raise DataError(f"{source / [*images, *masks][0]}: {counts}; {needed}; {EXPECTED}")
    return [Entry(name, found[name]["images"][0], tuple(found[name]["masks"])) for name in sorted(found)]


def paint_labels(masks: Iterable[np.ndarray], shape: Size) -> np.ndarray:
    """Masks [H, W] uint8 {0, 1} of one nucleus each → label map [H, W] uint16. The n-th mask has the id n, from 1.

    Where nuclei overlap, the smaller one is on top, or the later one of two equally large ones.
    """
    nuclei = []
    for number, mask in enumerate(masks, start=1):
        left, top, width, height = cv2.boundingRect(mask)
        window = np.s_[top : top + height, left : left + width]
        inside = mask[window].astype(bool)
        nuclei.append((-int(inside.sum()), number, window, inside))
    labels = np.zeros(shape, np.uint16)
    for _, number, window, inside in sorted(nuclei, key=lambda nucleus: nucleus[:2]):
        labels[window][inside] = number
    return labels


def _masks(source: Source, entry: Entry, shape: Size) -> Iterator[np.ndarray]:
    """Yields the masks of an entry, one after the other, so that they are not all in memory."""
    for name in entry.masks:
        mask = decode_mask(source.read(name), str(source.path / name))
        if mask.shape != shape:
            sizes = f"the mask has {_text(mask.shape)} pixels (HxW), but its image has {_text(shape)}"
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


_opened: Source  # exists in a worker process only, which opens the archive once


def _leave_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _start_worker(path: Path) -> None:
    global _opened
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to handle
    # A parent that is killed cannot stop its workers; without this thread they would wait for work for ever.
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    cv2.setNumThreads(0)  # the processes already run in parallel
    _opened = Source(path)


def _work(entry: Entry, *, folder: Path, size: Size | None) -> Written:
    return prepare_entry(_opened, entry, folder=folder, size=size)


def _write_all(source: Source, entries: Sequence[Entry], folder: Path, size: Size | None, workers: int) -> list:
    bar = partial(progress_bar, total=len(entries), unit="image", keep=True)
    if workers == 1:
        return list(bar(map(partial(prepare_entry, source, folder=folder, size=size), entries)))
    # Processes are spawned, because a fork could copy a lock while a thread of the parent holds it.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker, (source.path,))
    try:
        return list(bar(pool.map(partial(_work, folder=folder, size=size), entries)))
    finally:
        pool.shutdown(cancel_futures=True)


def prepare(source: Path, out: Path, *, size: Size | None = None, workers: int | None = None) -> Summary:
    """Writes the data set to `out`. By default there is a process for each usable core; their number changes no file.

    Raises:
        DataError: the source is missing or damaged, or has another layout.
        ConfigError: `out` is not empty.
    """
    opened = Source(source)
    entries = find_entries(opened.names(), source)
    with staged_folder(out) as folder:
        workers = min(workers or usable_cores(), len(entries))
        written = _write_all(opened, entries, folder, size, workers)
        nuclei, lost = sum(one.nuclei for one in written), sum(one.lost for one in written)
        notes: dict[str, object] = {"images": len(written), "nuclei": nuclei}
        if size is not None:
            notes |= {"size": list(size), "nuclei_lost": lost}
        digests = {path: digest for one in written for path, digest in one.digests.items()}
        write_description(
            folder, digests, name="dsb2018", classes=["nucleus"], source=ORIGIN, licence="CC0-1.0", notes=notes
        )
    sizes = tuple(sorted({one.native for one in written}, key=lambda native: (native[0] * native[1], native)))
    return Summary(out, len(written), nuclei, sizes, size, lost, tuple(name for one in written for name in one.undrawn))
