"""Sets of images and label maps: what the importers of StarDist's, Cellpose's and other layouts share.

An image is copied as it is, so that 16 bits stay 16 bits. A label map is written as PNG, with a mask of its objects.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from datasets.prepare.importer import (
    Faults,
    Size,
    Summary,
    add_common_options,
    fault_of_new_id,
    text_of_size,
    write_entries,
)
from datasets.prepare.layout import MOST, write_description, write_file, write_labels, write_mask
from datasets.prepare.source import Source
from datasets.split import split_to_csv
from images.reading import EXTENSIONS, decode_image, decode_labels
from system.errors import ConfigError, FileError
from system.files import staged_folder, write_text
from system.names import fault_of

# The first folder of ids, in sets that come in parts → the part of a split file.
PARTS = {"train": "train", "test": "val"}
SPLIT = "split.csv"
Files = dict[str, list[str]]  # id → names of files


@dataclass(frozen=True)
class Pair:
    """An image and its label map, as names of entries."""

    sample_id: str
    image: str
    labels: str


@dataclass(frozen=True)
class Written:
    """What was written for one pair.

    Attributes:
        digests: path below the data folder → SHA-256.
        objects: number of ids in the label map.
        renumbered: whether the ids were too large for 16 bits.
    """

    digests: dict[str, str]
    size: Size
    objects: int
    renumbered: bool


def is_image(name: str) -> bool:
    """Whether the project reads files of this extension."""
    return PurePosixPath(name).suffix.lower() in EXTENSIONS


def pair_up(images: Files, labels: Files, faults: Faults) -> list[Pair]:
    """One pair for each id, sorted. Ids without their one image and their one label map are added to the faults."""
    seen: dict[str, str] = {}
    pairs = []
    for sample_id in sorted(images.keys() | labels.keys()):
        files = [images.get(sample_id, []), labels.get(sample_id, [])]
        first = next(name for names in files for name in names)
        twin = seen.setdefault(sample_id.casefold(), sample_id)
        if fault := fault_of_new_id(sample_id):
            faults.add(f"{first!r}: the id {sample_id!r} cannot name a file: {fault}; rename it")
        elif twin != sample_id:
            faults.add(f"{first}: its id differs from {twin!r} in small and capital letters only; rename one")
        elif not all(files):
            missing = "label map" if files[0] else "image"
            faults.add(f"{first}: has no {missing}; add it, or remove this file")
        elif len(files[0]) > 1 or len(files[1]) > 1:
            kind, names = ("images", files[0]) if len(files[0]) > 1 else ("label maps", files[1])
            faults.add(f"{', '.join(names)}: {len(names)} {kind} of the id {sample_id}; keep one of them")
        else:
            pairs.append(Pair(sample_id, files[0][0], files[1][0]))
    return pairs


def write_pair(images: Source, labels: Source, pair: Pair, *, folder: Path, class_name: str) -> Written:
    """Copies one image, and writes its label map and its mask below `folder`.

    Raises:
        DataError: a file cannot be read or is of the wrong kind, or the two have different sizes.
    """
    content = images.read(pair.image)
    size = decode_image(content, images.where(pair.image)).shape[:2]
    ids = decode_labels(labels.read(pair.labels), labels.where(pair.labels))
    if ids.shape != size:
        found = f"{text_of_size(ids.shape)} pixels (HxW), but {images.where(pair.image)} has {text_of_size(size)}"
        raise FileError(labels.where(pair.labels), found=found, fix="make both the same size, or remove both")
    name = f"images/{pair.sample_id}{PurePosixPath(pair.image).suffix.lower()}"
    digests = write_file(folder, name, content)
    digests |= write_mask(folder, class_name, pair.sample_id, ids > 0)
    digests |= write_labels(folder, pair.sample_id, ids)
    return Written(digests, size, int(np.count_nonzero(np.unique(ids))), bool(ids.max() > MOST))


def split_of(ids: Iterable[str]) -> dict[str, str]:
    """Id → "train" or "val", if all ids lie in the parts train and test of a set and both have some; else empty."""
    parts = {sample_id: PARTS.get(sample_id.split("/")[0]) for sample_id in ids}
    return parts if set(parts.values()) == set(PARTS.values()) else {}


def write_pairs(
    images: Source,
    labels: Source,
    pairs: Sequence[Pair],
    out: Path,
    *,
    importer: str,
    class_name: str,
    workers: int | None = None,
) -> Summary:
    """Writes the data set to `out`, with a split file if the set comes in parts.

    Raises:
        ConfigError: `out` is not empty, or the class has a name that no folder can have.
        DataError: a file cannot be used.
    """
    if fault := fault_of(class_name):
        raise ConfigError(f"--class {class_name!r}: {fault}; give a name such as nucleus")
    split = split_of(pair.sample_id for pair in pairs)
    with staged_folder(out) as folder:
        write = partial(write_pair, class_name=class_name)
        written = write_entries(pairs, write, sources=[images, labels], folder=folder, workers=workers)
        objects = sum(one.objects for one in written)
        write_description(
            folder,
            {path: digest for one in written for path, digest in one.digests.items()},
            classes=[class_name],
            source=f"{images.path.name}, imported by datasets.prepare {importer}",
            licence="not stated",
            notes={"images": len(written), "objects": objects},
        )
        if split:
            write_text(folder / SPLIT, split_to_csv(split))
    lines = (*_remarks(written), *_about_split(split, out))
    return Summary(out, len(written), objects, frozenset(one.size for one in written), lines)


def _remarks(written: Sequence[Written]) -> Iterable[str]:
    if count := sum(one.objects == 0 for one in written):
        yield f"images without objects: {count}"
    if count := sum(one.renumbered for one in written):
        yield f"label maps with ids above {MOST}, which were numbered anew: {count}"
    if len(written) > 1 and max(one.objects for one in written) == 1:
        yield (
            "no image has more than one object: if the files are masks and no label maps, no import is needed; put "
            "them into masks/ of a data folder"
        )


def _about_split(split: Mapping[str, str], out: Path) -> Iterable[str]:
    if split:
        counts = " and ".join(f"{list(split.values()).count(to)} of {part} ({to})" for part, to in PARTS.items())
        yield f"parts: {counts}, listed in {SPLIT}; to train and validate with them, set"
        yield f"    data.split_file={(out / SPLIT).as_posix()}"


def add_pair_options(parser: argparse.ArgumentParser, *, source: str | None) -> None:
    """Adds the options that all importers of label maps have."""
    add_common_options(parser, source=source)
    parser.add_argument(
        "--class", dest="class_name", default="cell", metavar="NAME", help="what the objects are (default: %(default)s)"
    )
