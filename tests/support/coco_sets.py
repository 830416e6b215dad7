"""Small sets in the format of COCO."""

import json

import numpy as np
from support.imported_sets import as_folder, grey, png, tif

HEIGHT, WIDTH = 16, 20


def box(left, top, right, bottom):
    """The polygon around the pixels from (left, top) to before (right, bottom)."""
    return [left, top, right, top, right, bottom, left, bottom]


def runs(left, top, right, bottom):
    """The same pixels as uncompressed runs."""
    mask = np.zeros((HEIGHT, WIDTH), int)
    mask[top:bottom, left:right] = 1
    ends = np.flatnonzero(np.diff(mask.T.ravel(), prepend=0, append=0))
    return {"size": [HEIGHT, WIDTH], "counts": np.diff([0, *ends, mask.size]).tolist()}


def annotation(number, image, category, segmentation, crowd=0):
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        "iscrowd": crowd,
    }


def one_class():
    """`a` has a cell of 12 pixels inside one of 80, and one of two parts; `b` has one by runs; `c` has none."""
    return {
        "images": [
            {"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH}
            for number, name in ((7, "a.png"), (8, "b.tif"), (9, "c.png"))
        ],
        "categories": [{"id": 3, "name": "cell"}, {"id": 0, "name": "cells, which has no objects"}],
        "annotations": [
            annotation(1, 7, 3, [box(3, 4, 7, 7)]),
            annotation(2, 7, 3, [box(2, 2, 12, 10)]),
            annotation(3, 7, 3, [box(14, 0, 16, 2), box(14, 4, 16, 6)]),
            annotation(4, 8, 3, runs(5, 6, 9, 12)),
        ],
    }


def images():
    return {"a.png": png(grey(0, dtype=np.uint8)), "b.tif": tif(grey(1)), "c.png": png(grey(2, dtype=np.uint8))}


def two_classes(*, crowd=False, overlap=False):
    """`b` gets an object of a second class, and maybe a crowd region; in `a` the classes may overlap."""
    content = one_class()
    content["categories"] = [{"id": 3, "name": "cell"}, {"id": 4, "name": "debris"}]
    content["annotations"].append(annotation(5, 8, 4, [box(12, 1, 15, 3)]))
    if overlap:
        content["annotations"].append(annotation(6, 7, 4, [box(11, 9, 14, 12)]))
    if crowd:
        content["annotations"].append(annotation(7, 8, 3, runs(0, 11, 20, 16), crowd=1))
    return content


def source_of(folder, content, pictures=None):
    files = {f"pictures/{name}": data for name, data in (pictures or images()).items()}
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return as_folder(folder, {"annotations/instances.json": text, **files})
