"""COCO's annotations, a JSON file with polygons or run-length codes, and its images → a data folder.

| in the file | in the data folder |
|---|---|
| one category | masks of one class, and a label map for each image |
| several categories | a folder of masks for each, and a label map where objects of different categories never overlap |
| crowd regions (`iscrowd`) | class maps, in which these pixels are void; images with such a region have no label map |

A label map has no value for void pixels. So an image with a crowd region gets none: in it, the region would be
background.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from datasets.prepare.coco.annotations import CocoImage, parse_json, read_objects
from datasets.prepare.coco.canvas import Canvas
from datasets.prepare.coco.files import find_images, open_annotations
from datasets.prepare.importer import Size, Summary, add_common_options, text_of_size, write_entries
from datasets.prepare.layout import write_class_map, write_description, write_file, write_labels, write_mask
from datasets.prepare.source import Source
from images.class_maps import MAX_CLASSES
from images.reading import decode_image
from system.errors import DataError, FileError
from system.files import staged_folder
from system.void import VOID

BACKGROUND = "background"
CROWDS = ("void", "skip")


@dataclass(frozen=True)
class Written:
    """What was written for one image.

    Attributes:
        digests: path below the data folder → SHA-256.
        objects: objects that have pixels.
        undrawn: names of those that have none.
        shared: pixels of objects of different categories.
        crowds: crowd regions.
    """

    digests: dict[str, str]
    size: Size
    objects: int
    undrawn: tuple[str, ...]
    shared: int
    crowds: int


def write_image(
    images: Source, entry: tuple[CocoImage, str], *, folder: Path, classes: Sequence[str], maps: bool, where: Path
) -> Written:
    """Copies one image, and writes its masks or its class map, and its label map, below `folder`.

    Args:
        entry: the image, and its name in the source.
        maps: write a class map, and not a mask for each class.
        where: the file of the annotations, for messages.

    Raises:
        DataError: the image cannot be read or has another size, or the annotation of an object is wrong.
    """
    image, name = entry
    content = images.read(name)
    size = decode_image(content, images.where(name)).shape[:2]
    if size != image.shape:
        found = f"{text_of_size(size)} pixels (HxW), but {where} says {text_of_size(image.shape)}"
        raise FileError(images.where(name), found=found, fix="bring the image that was annotated")
    digests = write_file(folder, f"images/{image.sample_id}{PurePosixPath(name).suffix.lower()}", content)
    canvas = Canvas(image, where)
    present = {one.category for one in image.objects}
    for class_name in classes:
        if class_name in present or len(classes) == 1:  # of several classes, an image may lack some
            mask = canvas.mask_of(class_name)
            if not maps:
                digests |= write_mask(folder, class_name, image.sample_id, mask)
    if maps:
        value_of = {class_name: value for value, class_name in enumerate(classes, start=1)}
        digests |= write_class_map(folder, image.sample_id, canvas.class_map(value_of))
    crowds, shared = sum(one.crowd for one in image.objects), int(canvas.shared.sum())
    if not crowds and not shared:
        digests |= write_labels(folder, image.sample_id, canvas.painter.labels)
    drawn = canvas.painter.drawn()
    numbered = enumerate(image.objects, start=1)
    undrawn = tuple(one.name for number, one in numbered if not one.crowd and number not in drawn)
    return Written(digests, size, len(drawn), undrawn, shared, crowds)


def prepare(
    source: Path,
    out: Path,
    *,
    images: Path | None = None,
    only: Sequence[str] | None = None,
    crowds: str = "void",
    workers: int | None = None,
) -> Summary:
    """Writes the data set to the new folder `out`.

    Args:
        source: the JSON file; or a folder or zip archive that holds one, and the images.
        images: folder or archive of the images; by default the source, or the folder of the file.
        only: the categories to read; by default all that have objects.
        crowds: "void" makes the pixels of crowd regions void, "skip" leaves out the images that have such regions.

    Raises:
        DataError: a source is missing or damaged, or the annotations do not fit the format or the images.
        ConfigError: `out` is not empty, or there is no category of a name in `only`.
    """
    opened, where, data = open_annotations(source, images)
    listed, classes = read_objects(parse_json(data, str(where)), where, only=only)
    del data  # the text is as large as all its objects
    entries, unlisted = find_images(opened, listed, where)
    skipped = 0
    if crowds == "skip":
        kept = [entry for entry in entries if not _has_crowd(entry[0])]
        entries, skipped = kept, len(entries) - len(kept)
        classes = _classes_left(entries, classes, where)
    maps = any(_has_crowd(image) for image, _ in entries)
    if maps:
        _check_classes_of_maps(classes, where)
    with staged_folder(out) as folder:
        write = partial(write_image, classes=classes, maps=maps, where=where)
        written = write_entries(entries, write, sources=[opened], folder=folder, workers=workers)
        objects = sum(one.objects for one in written)
        write_description(
            folder,
            {path: digest for one in written for path, digest in one.digests.items()},
            classes=[BACKGROUND, *classes] if maps else classes,
            palette=range(len(classes) + 1) if maps else None,
            void=VOID if maps else None,
            source=f"{where.name}, imported by datasets.prepare coco",
            licence="not stated",
            notes={"images": len(written), "objects": objects},
        )
    lines = (f"classes: {', '.join(classes)}", *_remarks(written, skipped=skipped, unlisted=unlisted))
    return Summary(out, len(written), objects, frozenset(one.size for one in written), lines)


def _has_crowd(image: CocoImage) -> bool:
    return any(one.crowd for one in image.objects)


def _classes_left(entries: Sequence[tuple[CocoImage, str]], classes: Sequence[str], where: Path) -> tuple[str, ...]:
    """The classes that have objects in these images."""
    left = {one.category for image, _ in entries for one in image.objects}
    if not left:
        raise DataError(f"{where}: all objects are in images with crowd regions; import them with --crowds void")
    return tuple(name for name in classes if name in left)


def _check_classes_of_maps(classes: Sequence[str], where: Path) -> None:
    advice = "choose others with --categories, or leave the images with crowd regions out with --crowds skip"
    if len(classes) >= MAX_CLASSES:
        found = f"{len(classes)} categories and crowd regions, but class maps have at most {MAX_CLASSES - 1} classes"
        raise DataError(f"{where}: {found} besides the background; {advice}")
    if BACKGROUND in map(str.casefold, classes):
        raise DataError(
            f"{where}: class maps have the background as a class of its own, but a category has its name; {advice}"
        )


def _remarks(written: Sequence[Written], *, skipped: int, unlisted: int) -> Iterable[str]:
    if unlisted:
        yield f"images that the annotations do not list, which were left out: {unlisted}"
    if skipped:
        yield f"images with crowd regions, which were left out: {skipped}"
    if undrawn := [name for one in written for name in one.undrawn]:
        some = ", ".join(undrawn[:3]) + (", …" if len(undrawn) > 3 else "")
        yield f"objects that cover no pixel, or are hidden under others: {len(undrawn)} ({some})"
    crowded, overlapping = sum(one.crowds > 0 for one in written), sum(one.shared > 0 for one in written)
    if crowded:
        yield f"images with crowd regions, which became void in class maps: {crowded}"
    if overlapping:
        yield f"images in which objects of different categories overlap: {overlapping}"
    if crowded or overlapping:
        without = sum(one.crowds > 0 or one.shared > 0 for one in written)
        yield f"label maps: {len(written) - without} of {len(written)} images; these images have none, so that"
        yield "    task: distance and task: border cannot use the set; --crowds skip and --categories may help"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this importer to its command."""
    source = "the JSON file; or a folder or zip archive that holds it and the images"
    add_common_options(parser, source=source)
    images = "folder or zip archive of the images (default: the folder of the JSON file)"
    parser.add_argument("--images", type=Path, help=images)
    categories = "the categories to import (default: all that have objects)"
    parser.add_argument("--categories", nargs="+", metavar="NAME", help=categories)
    crowd_help = "what becomes of crowd regions: void pixels, or skip leaves their images out (default: %(default)s)"
    parser.add_argument("--crowds", choices=CROWDS, default=CROWDS[0], help=crowd_help)


def run(options: argparse.Namespace) -> Summary:
    """Imports as the command line says."""
    return prepare(
        options.source,
        options.out,
        images=options.images,
        only=options.categories,
        crowds=options.crowds,
        workers=options.workers,
    )
