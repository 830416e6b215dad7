"""Cellpose's layout: an image and its label map lie side by side, and suffixes tell them apart.

    <stem>_img.png     <stem>_masks.png             as in Cellpose's own data sets
    <stem>.tif         <stem>_cp_masks.png          as its programs save them; also <stem>_masks.tif

The files may lie in folders, such as train/ and test/, which stay part of the id. Files `_seg.npy` are not read: they
are pickles, which can execute code when they are loaded.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from pathlib import Path

from datasets.prepare.importer import Faults, Summary
from datasets.prepare.pairs import Files, Pair, add_pair_options, is_image, pair_up, write_pairs
from datasets.prepare.source import Source, visible
from images.naming import CELLPOSE_ENDINGS, SIDE_RESULT

LABELS = re.compile(rf"(?P<stem>.+?)(?:{'|'.join(CELLPOSE_ENDINGS)})\.[^./]+")
IMAGE = re.compile(r"(?P<stem>.+?)(?:_img)?\.[^./]+")
SEG = "_seg.npy"
PART = re.compile(r"(?P<lead>(?:[^/]+/)*?)(?:train|test)/")
EXPECTED = "expected <stem>_img.png and <stem>_masks.png, or <stem>.tif and <stem>_cp_masks.png or <stem>_masks.tif"
ADVICE = (
    f"{SEG} files are not read, because they are pickles, which can execute code: save the masks as PNG or TIFF, in "
    "Cellpose's window with 'Save masks as PNG/tif', or by `cellpose --dir FOLDER --save_png` or --save_tif"
)


def find_pairs(source: Source) -> list[Pair]:
    """Pairs sorted by id, which is the stem and the folders before it. No file is read.

    Raises:
        DataError: no name fits the layout, or some of them have no partner; all of them at once.
    """
    names = visible(source.names())
    faults = Faults(source.path)
    images: Files = {}
    labels: Files = {}
    usable = [name for name in names if is_image(name) and not SIDE_RESULT.fullmatch(Path(name).stem)]
    lead = _lead_of(usable, source)
    for name in usable:
        match = LABELS.fullmatch(name.removeprefix(lead))
        stem = (match or IMAGE.fullmatch(name.removeprefix(lead)))["stem"]
        (labels if match else images).setdefault(stem, []).append(name)
    pickled = {name.removeprefix(lead).removesuffix(SEG) for name in names if name.endswith(SEG)}
    only_pickled = sorted(pickled - labels.keys())
    if only_pickled:
        some = ", ".join(only_pickled[:3]) + (", …" if len(only_pickled) > 3 else "")
        faults.add(f"{len(only_pickled)} images have their masks in {SEG} files only ({some}); {ADVICE}")
        images = {stem: files for stem, files in images.items() if stem not in pickled}
    elif not labels:
        faults.add(f"contains no label maps of Cellpose; {EXPECTED}")
        images = {}
    pairs = pair_up(images, labels, faults)
    faults.refuse(names=names, importer="cellpose")
    return pairs


def _lead_of(names: Iterable[str], source: Source) -> str:
    """The folders before the ids: those above train/ and test/, or else the top folder of an archive."""
    leads = {match["lead"] if (match := PART.match(name)) else None for name in names}
    return source.lead() if len(leads) != 1 or None in leads else leads.pop()


def prepare(source: Path, out: Path, *, class_name: str = "cell", workers: int | None = None) -> Summary:
    """Writes the data set to the new folder `out`.

    Raises:
        DataError: the source is missing, damaged, or of another layout.
        ConfigError: `out` is not empty, or the class has a name that no folder can have.
    """
    opened = Source(source)
    pairs = find_pairs(opened)
    return write_pairs(opened, opened, pairs, out, importer="cellpose", class_name=class_name, workers=workers)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this importer to its command."""
    add_pair_options(parser, source="folder or zip archive with images and their label maps side by side")


def run(options: argparse.Namespace) -> Summary:
    """Imports as the command line says."""
    return prepare(options.source, options.out, class_name=options.class_name, workers=options.workers)
