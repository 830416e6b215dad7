"""StarDist's layout: images and label maps of the same stem, in two folders, mostly in the parts train and test.

    train/images/<stem>.tif    train/masks/<stem>.tif
    test/images/<stem>.tif     test/masks/<stem>.tif

Without parts, images/ and masks/ lie in the source itself. Both may hold folders, such as plates, which stay part of
the id, and the source may have leading folders.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from datasets.prepare.importer import Faults, Summary
from datasets.prepare.pairs import Files, Pair, add_pair_options, is_image, pair_up, write_pairs
from datasets.prepare.source import Source, visible

PLACE = re.compile(r"(?P<lead>(?:[^/]+/)*?)(?P<part>(?:train|test)/)?(?P<kind>images|masks)/(?P<stem>.+)\.[^./]+")
EXPECTED = "expected images/<stem>.tif and masks/<stem>.tif, both also below train/ and test/"


def find_pairs(source: Source) -> list[Pair]:
    """Pairs sorted by id, which begins with the part if there are parts. No file is read.

    Raises:
        DataError: no name fits the layout, or some of them have no partner; all of them at once.
    """
    names = visible(source.names())
    places = [(name, match) for name in names if is_image(name) and (match := PLACE.fullmatch(name))]
    faults = Faults(source.path)
    if not places:
        faults.add(f"contains no images/ and masks/; {EXPECTED}")
    leads = sorted({match["lead"] for _, match in places})
    if len(leads) > 1:
        faults.add(f"contains several data sets, in {', '.join(map(repr, leads[:5]))}; give one of them")
        faults.refuse(names=names, importer="stardist")
    files: dict[str, Files] = {"images": {}, "masks": {}}
    for name, match in places:
        files[match["kind"]].setdefault((match["part"] or "") + match["stem"], []).append(name)
    pairs = pair_up(files["images"], files["masks"], faults)
    faults.refuse(names=names, importer="stardist")
    return pairs


def prepare(source: Path, out: Path, *, class_name: str = "cell", workers: int | None = None) -> Summary:
    """Writes the data set to the new folder `out`.

    Raises:
        DataError: the source is missing, damaged, or of another layout.
        ConfigError: `out` is not empty, or the class has a name that no folder can have.
    """
    opened = Source(source)
    pairs = find_pairs(opened)
    return write_pairs(opened, opened, pairs, out, importer="stardist", class_name=class_name, workers=workers)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this importer to its command."""
    add_pair_options(parser, source="folder or zip archive that holds train/ and test/, or images/ and masks/")


def run(options: argparse.Namespace) -> Summary:
    """Imports as the command line says."""
    return prepare(options.source, options.out, class_name=options.class_name, workers=options.workers)
