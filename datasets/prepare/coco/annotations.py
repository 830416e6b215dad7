"""A JSON file of COCO → its images and their objects, with every value checked. Anybody may have written the file.

Source: https://cocodataset.org/#format-data, object detection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from datasets.prepare.importer import Faults, fault_of_new_id
from images.reading import MAX_PIXELS
from system.errors import ConfigError, DataError
from system.names import fault_of

FARTHEST = 1e7  # pixels: a coordinate beyond this is an error, and its products could lose digits
EXPORT = "export it anew as COCO's instance segmentation"
KEYS = ("images", "annotations", "categories")


@dataclass(frozen=True)
class CocoObject:
    """One object, or a crowd region, whose objects nobody outlined one by one.

    Attributes:
        name: what messages call it.
        category: its name.
        polygons: [n, 2] float64 each, x and y in pixels; empty if there are runs.
        runs: a compressed code, or lengths of runs; None if there are polygons.
    """

    name: str
    category: str
    crowd: bool
    polygons: tuple[np.ndarray, ...] = ()
    runs: str | Sequence[int] | None = None


@dataclass(frozen=True)
class CocoImage:
    """One image and what is annotated in it.

    Attributes:
        file: its name as the annotations give it.
        shape: (height, width) in pixels.
    """

    sample_id: str
    file: str
    shape: tuple[int, int]
    objects: tuple[CocoObject, ...]


def parse_json(data: bytes, name: str) -> dict:
    """The bytes of a JSON file → the object in it.

    Raises:
        DataError: the bytes are no JSON in UTF-8, hold NaN or infinity, are nested too deeply, or are no object.
    """
    try:
        content = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # among them are UnicodeDecodeError and JSONDecodeError
        why = "its lists are nested too deeply" if isinstance(error, RecursionError) else error
        raise DataError(f"{name}: not a readable JSON file ({why}); {EXPORT}") from error
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in KEYS):
        needed = f"expected an object with the lists {', '.join(KEYS)}"
        raise DataError(f"{name}: no annotations of COCO: {needed}; {EXPORT}")
    return content


def _refuse_constant(text: str) -> None:
    raise ValueError(f"it holds {text}, which is no number of JSON")


def read_objects(
    content: Mapping[str, list], where: Path, *, only: Sequence[str] | None = None
) -> tuple[list[CocoImage], tuple[str, ...]]:
    """The content of a JSON file → images sorted by id, and the classes in the order of the file.

    Args:
        content: as `parse_json` returns it.
        where: the file, for messages.
        only: the categories to read; None reads all that have objects.

    Raises:
        DataError: something is missing, is of a wrong type or range, is there twice, or refers to nothing; the first
            of these faults are named, and all are counted. Or there are no objects.
        ConfigError: `only` names a category that the file does not have.
    """
    faults = Faults(where)
    categories = _categories(content["categories"], faults)
    images = _images(content["images"], faults)
    if only is not None and (unknown := sorted(set(only) - set(categories.values()))):
        known = ", ".join(categories.values())
        raise ConfigError(f"--categories {' '.join(unknown)}: the categories of {where} are {known}")
    objects: dict[object, list[CocoObject]] = {key: [] for key in images}
    for place, one in enumerate(content["annotations"]):
        identity = one.get("id") if isinstance(one, dict) else None
        name = f"annotation {f'number {place}' if identity is None else _shown(identity)}"
        try:
            image_id, category = _target(one, images, categories)
            if only is None or category in only:
                objects[image_id].append(_object(one, name, category, images[image_id].shape))
        except ValueError as error:
            faults.add(f"{name} {error}")
    used = {one.category for found in objects.values() for one in found}
    for name in sorted(used):
        if fault := fault_of(name):
            faults.add(f"the category {name!r} cannot name a folder: {fault}; rename it in the file")
    faults.refuse()
    classes = tuple(name for name in categories.values() if name in used)
    if not classes or (only is not None and len(classes) < len(set(only))):
        empty = ", ".join(sorted(set(only or ()) - used)) or "any category"
        raise DataError(f"{where}: no annotated objects of {empty}; choose others with --categories, or {EXPORT}")
    filled = [replace(image, objects=tuple(objects[key])) for key, image in images.items()]
    return sorted(filled, key=lambda image: image.sample_id), classes


def _categories(entries: Sequence[object], faults: Faults) -> dict[object, str]:
    """Id → name, in the order of the file."""
    found: dict[object, str] = {}
    names: set[str] = set()
    for place, one in enumerate(entries):
        about = f"category number {place}"
        if not isinstance(one, dict) or not _is_id(one.get("id")) or not isinstance(one.get("name"), str):
            faults.add(f"{about} has no id or no name; {EXPORT}")
        elif one["id"] in found or one["name"].casefold() in names:
            faults.add(f"{about}, {_shown(one['name'])}, has the id or the name of an earlier one; rename it")
        else:
            found[one["id"]] = one["name"]
            names.add(one["name"].casefold())
    return found


def _images(entries: Sequence[object], faults: Faults) -> dict[object, CocoImage]:
    """Id in the file → image, without objects yet."""
    found: dict[object, CocoImage] = {}
    seen: dict[str, str] = {}
    if not entries:
        faults.add(f"its list of images is empty; {EXPORT}")
    for place, one in enumerate(entries):
        name = one.get("file_name") if isinstance(one, dict) else None
        about = f"image {f'number {place}' if name is None else _shown(name)}"
        if not isinstance(name, str) or not _is_id(one.get("id")):
            faults.add(f"{about} has no id or no file_name; {EXPORT}")
            continue
        height, width = one.get("height"), one.get("width")
        sample_id = PurePosixPath(name).with_suffix("").as_posix() if PurePosixPath(name).name else ""
        if not all(type(side) is int and side >= 1 for side in (height, width)) or height * width > MAX_PIXELS:
            sides = f"height {_shown(height)} and width {_shown(width)}"
            faults.add(f"{about} has {sides}; whole numbers from 1 with a product of at most {MAX_PIXELS} are needed")
        elif fault := fault_of_new_id(sample_id):
            faults.add(f"{about} cannot name a file: {fault}; rename it, in the file too")
        elif one["id"] in found:
            faults.add(f"{about} has the id {_shown(one['id'])} of {_shown(found[one['id']].file)}; {EXPORT}")
        elif sample_id.casefold() in seen:
            twin = _shown(seen[sample_id.casefold()])
            faults.add(f"{about} has the same stem as {twin}; rename one, in the file too")
        else:
            found[one["id"]] = CocoImage(sample_id, PurePosixPath(name).as_posix(), (height, width), ())
            seen[sample_id.casefold()] = name
    return found


def _target(one: object, images: Mapping, categories: Mapping) -> tuple[object, str]:
    """An annotation → the id of its image and the name of its category; ValueError says what is wrong with it."""
    if not isinstance(one, dict):
        raise ValueError(f"is {_shown(one)}, and not an object of JSON; {EXPORT}")
    for key, known in (("image_id", images), ("category_id", categories)):
        if not _is_id(one.get(key)) or one[key] not in known:
            raise ValueError(f"has the {key} {_shown(one.get(key))}, which the file does not list; {EXPORT}")
    return one["image_id"], categories[one["category_id"]]


def _object(one: Mapping, name: str, category: str, shape: tuple[int, int]) -> CocoObject:
    """An annotation → its object; ValueError says what is wrong with it."""
    crowd, outline = one.get("iscrowd", 0), one.get("segmentation")
    if crowd not in (0, 1) or isinstance(crowd, float):
        raise ValueError(f"has iscrowd {_shown(crowd)}; 0 and 1 are allowed")
    if isinstance(outline, dict):
        size, runs = outline.get("size"), outline.get("counts")
        if size != list(shape):
            raise ValueError(f"has runs for the size {_shown(size)}, but its image has {list(shape)}; {EXPORT}")
        if not isinstance(runs, str | list) or not runs:
            raise ValueError(f"has the counts {_shown(runs)}; a text or a list of numbers is needed; {EXPORT}")
        return CocoObject(name, category, bool(crowd), runs=runs)
    if not isinstance(outline, list) or not outline:
        what = "a box only" if one.get("bbox") and not outline else f"the segmentation {_shown(outline)}"
        raise ValueError(f"has {what}; polygons or runs are needed: {EXPORT}")
    return CocoObject(name, category, bool(crowd), tuple(_polygon(points, shape) for points in outline))


def _polygon(points: object, shape: tuple[int, int]) -> np.ndarray:
    """A list x, y, x, y, … → [n, 2] float64; ValueError says what is wrong with it."""
    try:
        array = np.asarray(points)
    except ValueError:  # lists of different lengths
        array = np.zeros(0, object)
    if array.ndim != 1 or array.dtype.kind not in "iuf" or array.size < 6 or array.size % 2:
        raise ValueError(f"has the polygon {_shown(points)}; x and y of three or more points are needed; {EXPORT}")
    polygon = array.astype(np.float64).reshape(-1, 2)
    if not (np.abs(polygon) <= FARTHEST).all():  # also where a number is not finite
        raise ValueError(f"has coordinates beyond {FARTHEST:.0f} pixels; {EXPORT}")
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    if (high < 0).any() or (low > shape[::-1]).any():
        box = ", ".join(f"{value:.0f}" for value in (*low, *high))
        raise ValueError(f"lies outside of its image of {shape[0]}x{shape[1]} (HxW), at {box} (x, y to x, y); {EXPORT}")
    return polygon


def _is_id(value: object) -> bool:
    return type(value) in (int, str)


def _shown(value: object) -> str:
    """The start of a value, for a message."""
    if isinstance(value, list | dict):
        return f"a {'list' if isinstance(value, list) else 'JSON object'} of {len(value)}"
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**20 else "a number of more than 20 digits"
    return text if len(text) <= 80 else text[:80] + "…"
