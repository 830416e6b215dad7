"""Finds the file of COCO's annotations, and the images that it lists, in folders and archives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets.prepare.coco.annotations import EXPORT, CocoImage
from datasets.prepare.importer import Faults
from datasets.prepare.pairs import is_image
from datasets.prepare.recognition import advice
from datasets.prepare.source import Source, visible
from system.errors import DataError
from system.regular_file import require_regular

MAX_JSON = 2**31  # bytes; Python needs about ten times as much memory for what is in the file
FORM = "give --source the JSON file of the annotations and --images the folder of its images"


def open_annotations(source: Path, images: Path | None) -> tuple[Source, Path, bytes]:
    """The source of the images, the path of the JSON file for messages, and its content.

    Raises:
        DataError: a source is missing or damaged, there is not exactly one JSON file, or it is too large.
    """
    if source.is_file() and source.suffix.lower() == ".json":
        return Source(images or source.parent, "--images"), source, _read(source)
    opened = Source(source)
    names = visible(opened.names())
    found = [name for name in names if name.lower().endswith(".json")]
    if len(found) != 1:
        some = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        what = f"{len(found)} JSON files ({some})" if found else "no JSON file"
        raise DataError(f"{source}: contains {what}; {FORM}{advice(names, 'coco')}")
    data = opened.read(found[0]) if opened.archive else _read(source / found[0])
    return Source(images, "--images") if images else opened, source / found[0], data


def _read(path: Path) -> bytes:
    try:
        require_regular(path)
        if (size := path.stat().st_size) > MAX_JSON:
            raise DataError(f"{path}: {size} bytes, at most {MAX_JSON} are read; divide the set, and {EXPORT}")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def find_images(source: Source, listed: Sequence[CocoImage], where: Path) -> tuple[list[tuple[CocoImage, str]], int]:
    """The images with their names in the source, and how many images of the source are not listed.

    An image lies where `file_name` says, or below any folder of the source.

    Raises:
        DataError: an image is not there, lies in several places, or is of a format that is not read; all of them at
            once.
    """
    names = [name for name in visible(source.names()) if is_image(name)]
    exact, by_last = set(names), {}
    for name in names:
        by_last.setdefault(name.rsplit("/", 1)[-1], []).append(name)
    faults = Faults(where)
    entries = []
    for image in listed:
        last = image.file.rsplit("/", 1)[-1]
        places = [name for name in by_last.get(last, ()) if name.endswith(f"/{image.file}")]
        places = [image.file] if image.file in exact else places
        if not is_image(image.file):
            faults.add(f"image {image.file!r} is of a format that is not read; convert it to PNG or TIFF")
        elif len(places) != 1:
            found = f"is in several places ({', '.join(places[:3])})" if places else f"is not in {source.path}"
            faults.add(f"image {image.file!r} {found}; give --images the folder that the names begin in")
        else:
            entries.append((image, places[0]))
    faults.refuse()
    return entries, len(exact - {name for _, name in entries})
