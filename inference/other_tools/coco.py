"""Label maps of all images → one JSON file of COCO, with the pixels of each cell as a compressed run-length code.

Source: https://cocodataset.org/#format-data, object detection. `python -m datasets.prepare coco` reads it back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from images.labels.run_lengths import encode_runs
from inference.other_tools.cells import Band, LabelMap, bands, runs_of
from system.errors import DataError
from system.files import atomic_file

MAX_PIXELS = 2**32 - 1  # pycocotools counts the pixels of an image in 32 bits
CATEGORY = 1  # the id of the only category


def write_coco(path: Path, label_maps: Iterable[LabelMap]) -> None:
    """Writes one file for all label maps, which are asked for one by one, and have one class.

    An annotation has its label and, if it is known, the confidence as `score`. Images and annotations are numbered
    from 1 in the order of the label maps. The images stand behind the annotations, because their sizes are known then.

    Raises:
        DiskError: the file cannot be written.
        DataError: an image has more pixels than COCO's codes can count.
    """
    images, count, classes, before = [], 0, [], "\n"
    with atomic_file(path) as file:
        file.write(b'{"annotations":[')
        for number, label_map in enumerate(label_maps, start=1):
            height, width = label_map.labels.shape
            if height * width > MAX_PIXELS:
                raise DataError(
                    f"{label_map.name}: {height}x{width} pixels (HxW); COCO counts at most {MAX_PIXELS}. "
                    "Leave coco out of the formats, or cut the image into smaller ones"
                )
            images.append({"id": number, "file_name": label_map.file, "height": height, "width": width})
            classes = [label_map.class_name]
            for annotation in _annotations(label_map):
                count += 1
                line = {"id": count, "image_id": number, "category_id": CATEGORY, "iscrowd": 0} | annotation
                file.write((before + json.dumps(line, separators=(",", ":"))).encode())
                before = ",\n"
        rest = {"images": images, "categories": [{"id": CATEGORY, "name": name} for name in classes]}
        file.write(("\n],\n" + json.dumps(rest, ensure_ascii=False)[1:] + "\n").encode())


def _annotations(label_map: LabelMap) -> Iterator[dict[str, object]]:
    """Yields what the annotation of each cell has by itself."""
    shape, cells = list(label_map.labels.shape), label_map.cells
    for band in bands(label_map.labels, cells):
        for place, code in zip(band.members.tolist(), codes_of(band, shape[0], shape[1]), strict=True):
            label, (top, left, bottom, right) = int(cells.ids[place]), cells.boxes[place].tolist()
            annotation = {
                "label": label,
                "segmentation": {"size": shape, "counts": code},
                "bbox": [left, top, right - left, bottom - top],
                "area": int(cells.areas[place]),
            }
            sure = label_map.confidence_of.get(label)
            yield annotation if sure is None else annotation | {"score": sure}


def codes_of(band: Band, height: int, width: int) -> list[str]:
    """The codes of the cells of a band, in the order of its members.

    Args:
        height, width: of the whole image.
    """
    runs = runs_of(np.ascontiguousarray(band.numbers.T))  # codes go down the columns
    order = np.argsort(runs.values, kind="stable")
    owners = runs.values[order].astype(np.int64)
    starts = (runs.lines * height + band.top + runs.starts)[order]
    ends = starts + runs.lengths[order]
    # A run that reaches the bottom of the image goes on at the top of the next column.
    fresh = np.append(True, (owners[1:] != owners[:-1]) | (starts[1:] != ends[:-1]))
    first = np.flatnonzero(fresh)
    ends = ends[np.append(first[1:], len(ends)) - 1]
    starts, owners = starts[first], owners[first]
    opening = np.append(True, owners[1:] != owners[:-1])  # the first run of a cell
    # Pixels outside and inside the cell in turns, and behind its last run those outside, if there are any.
    gaps = starts - np.where(opening, 0, np.append(0, ends[:-1]))
    closing = np.append(opening[1:], True)
    left = np.where(closing, height * width - ends, 0)
    table = np.stack([gaps, ends - starts, left], axis=1)
    used = np.stack([np.ones(len(left), bool), np.ones(len(left), bool), left > 0], axis=1)
    counts = np.add.reduceat(used.sum(axis=1), np.flatnonzero(opening))
    return encode_runs(table[used], counts)
