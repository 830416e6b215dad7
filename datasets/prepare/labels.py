"""Any two folders: one of images, and one of label maps with the same stems.

The label maps may have one suffix in common, such as `_mask`. Then both may also lie in the same folder. Folders below
the two, such as plates, stay part of the id.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from datasets.prepare.importer import Faults, Summary
from datasets.prepare.pairs import Files, Pair, add_pair_options, is_image, pair_up, write_pairs
from datasets.prepare.source import Source, visible
from images.naming import TRUTH_ENDINGS, WORDS

SUFFIXES = ("", *TRUTH_ENDINGS)


def find_pairs(images: Source, labels: Source) -> list[Pair]:
    """Pairs sorted by id. No file is read.

    The suffix is the one that gives most images their label map; the shortest one, if several give as many.

    Raises:
        DataError: there are no images, or files have no partner; all of them at once.
    """
    names = images.names()
    image_files, label_files = _by_id(names, images.lead()), _by_id(labels.names(), labels.lead())
    faults = Faults(images.path)
    if not image_files:
        faults.add("contains no images; give --images the folder that holds them")
        faults.refuse(names=names, importer="labels")
    together = images.path.resolve() == labels.path.resolve()
    fitting = {suffix: sum(i + suffix in label_files for i in image_files) for suffix in SUFFIXES[int(together) :]}
    suffix = max(fitting, key=lambda one: (fitting[one], -len(one)))
    if together:
        image_files = {i: files for i, files in image_files.items() if not i.endswith(suffix)}
        label_files = {i: files for i, files in label_files.items() if i.endswith(suffix)}
    pairs = pair_up(image_files, {i.removesuffix(suffix): files for i, files in label_files.items()}, faults)
    faults.refuse(names=names, importer="labels")
    return pairs


def _by_id(names: Iterable[str], lead: str) -> Files:
    files: Files = {}
    for name in filter(is_image, visible(names)):
        files.setdefault(PurePosixPath(name.removeprefix(lead)).with_suffix("").as_posix(), []).append(name)
    return files


def prepare(images: Path, labels: Path, out: Path, *, class_name: str = "cell", workers: int | None = None) -> Summary:
    """Writes the data set to the new folder `out`.

    Raises:
        DataError: a source is missing or damaged, or files have no partner.
        ConfigError: `out` is not empty, or the class has a name that no folder can have.
    """
    sources = Source(images, "--images"), Source(labels, "--labels")
    pairs = find_pairs(*sources)
    return write_pairs(*sources, pairs, out, importer="labels", class_name=class_name, workers=workers)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this importer to its command."""
    parser.add_argument("--images", type=Path, required=True, help="folder or zip archive of the images")
    words = ", ".join(WORDS)
    text = (
        "folder or zip archive of the label maps, 8 to 32 bits, with the images' stems and maybe _ or - and "
        f"one of {words}"
    )
    parser.add_argument("--labels", type=Path, required=True, help=text)
    add_pair_options(parser, source=None)


def run(options: argparse.Namespace) -> Summary:
    """Imports as the command line says."""
    return prepare(options.images, options.labels, options.out, class_name=options.class_name, workers=options.workers)
