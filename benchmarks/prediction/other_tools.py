"""Compares the files of other tools that we write with those that are written in the tool's own way.

    python -m benchmarks.prediction.other_tools [--side 1024] [--rounds 5]

Both write the cells of one drawn image. The file is read back with the tool's own library. The least IoU of a cell says
how much its pixels changed; 1 is exact. The tool's own way is:

    roi, geojson    skimage.measure.find_contours for each cell, then roifile or json
    coco            pycocotools.mask.encode for each cell
    cellpose        tifffile.imwrite, as Cellpose saves its masks
    omezarr         ome_zarr.writer.write_multiscale
"""

from __future__ import annotations

import argparse
import json
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from benchmarks.measure import Timing, take_turns
from datasets.prepare.coco.regions import fill_polygon
from datasets.prepare.drawing import make_sample
from inference.other_tools.cells import LabelMap
from inference.other_tools.formats import FORMATS

SEED, INDEX = 0, 5  # the drawn map, as in benchmarks.scores.matching
Cell = tuple[int, list[np.ndarray]]  # its label and the rings of its outline, x and y
Back = tuple[np.ndarray, dict[int, float] | None]  # a label map, and the areas of its outlines if it came from such
HEAD = (
    "| format | bytes: ours | own way | least IoU: ours | own way | largest difference of an area: ours | own way "
    "| ms/Mpx: ours | own way | others |"
)


def contours(labels: np.ndarray) -> Iterator[Cell]:
    """The way of many scripts: the contour of each cell at half height, through the middles of edges of pixels."""
    from scipy.ndimage import find_objects
    from skimage.measure import find_contours

    for label, (rows, columns) in enumerate(find_objects(labels), start=1):
        mask = np.pad(labels[rows, columns] == label, 1)
        rings = find_contours(mask, 0.5)
        yield label, [ring[:-1, ::-1] + (columns.start - 0.5, rows.start - 0.5) for ring in rings]


def their_roi(path: Path, labels: np.ndarray) -> None:
    from roifile import ImagejRoi, roiwrite

    path.unlink(missing_ok=True)
    found = contours(labels)
    roiwrite(path, [ImagejRoi.frompoints(rings[0].astype(np.float32), name=str(label)) for label, rings in found])


def their_geojson(path: Path, labels: np.ndarray) -> None:
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[*ring.tolist(), ring[0].tolist()] for ring in rings]},
            "properties": {"objectType": "detection", "name": str(label)},
        }
        for label, rings in contours(labels)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")


def their_coco(path: Path, labels: np.ndarray) -> None:
    from pycocotools import mask as masks

    annotations = []
    for label in range(1, int(labels.max()) + 1):
        code = masks.encode(np.asfortranarray(labels == label))
        box, area = masks.toBbox(code).tolist(), int(masks.area(code))
        code["counts"] = code["counts"].decode()
        annotations.append({"id": label, "label": label, "segmentation": code, "bbox": box, "area": area})
    path.write_text(json.dumps({"annotations": annotations}), encoding="utf-8")


def their_cellpose(path: Path, labels: np.ndarray) -> None:
    from tifffile import imwrite

    imwrite(path, labels.astype(np.uint16), compression="zlib")


def their_omezarr(path: Path, labels: np.ndarray) -> None:
    import zarr
    from ome_zarr.format import FormatV04
    from ome_zarr.writer import write_multiscale

    shutil.rmtree(path, ignore_errors=True)
    group = zarr.create_group(path, zarr_format=2)
    write_multiscale([labels.astype(np.uint16)], group, axes="yx", fmt=FormatV04())


def painted(cells: Iterator[Cell], shape: tuple[int, int]) -> Back:
    """The pixels whose centres lie inside the outlines, by the rule of even and odd, and the areas of the outlines."""
    labels, areas = np.zeros(shape, np.int32), {}
    for label, rings in cells:
        inside, area = np.zeros(shape, bool), 0.0
        for ring in rings:
            points = np.asarray(ring, np.float64)
            window, part = fill_polygon(points, shape)
            inside[window] ^= part
            (x, y), (to_x, to_y) = points.T, np.roll(points, -1, axis=0).T
            area += float(np.sum(x * to_y - to_x * y)) / 2  # holes go the other way round
        labels[inside], areas[label] = label, abs(area)
    return labels, areas


def read_roi(path: Path, shape: tuple[int, int]) -> Back:
    from roifile import ImagejRoi

    def cells() -> Iterator[Cell]:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                roi = ImagejRoi.frombytes(archive.read(name))
                rings = roi.coordinates(multi=True)
                yield int(roi.name), rings if isinstance(rings, list) else [rings]

    return painted(cells(), shape)


def read_geojson(path: Path, shape: tuple[int, int]) -> Back:
    def cells() -> Iterator[Cell]:
        for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
            kind, rings = feature["geometry"]["type"], feature["geometry"]["coordinates"]
            rings = rings if kind == "Polygon" else [ring for polygon in rings for ring in polygon]
            yield int(feature["properties"]["name"]), [ring[:-1] for ring in rings]

    return painted(cells(), shape)


def read_coco(path: Path, shape: tuple[int, int]) -> Back:
    from pycocotools import mask as masks

    labels = np.zeros(shape, np.int32)
    for one in json.loads(path.read_text(encoding="utf-8"))["annotations"]:
        labels[masks.decode(one["segmentation"]) > 0] = one["label"]
    return labels, None


def read_cellpose(path: Path, shape: tuple[int, int]) -> Back:
    from tifffile import imread

    return imread(path).reshape(shape), None


def read_omezarr(path: Path, shape: tuple[int, int]) -> Back:
    import zarr

    group = zarr.open_group(path, mode="r")
    (scales,) = group.attrs["multiscales"]
    return group[scales["datasets"][0]["path"]][:].reshape(shape), None


# Format → the packages that both ways and the reading need, the tool's own way, and how it is read.
Own = tuple[tuple[str, ...], Callable[[Path, np.ndarray], None], Callable[[Path, tuple[int, int]], Back]]
OWN_WAY: dict[str, Own] = {
    "roi": (("roifile",), their_roi, read_roi),
    "geojson": ((), their_geojson, read_geojson),
    "coco": (("pycocotools",), their_coco, read_coco),
    "cellpose": ((), their_cellpose, read_cellpose),
    "omezarr": (("zarr", "ome_zarr"), their_omezarr, read_omezarr),
}


def differences(labels: np.ndarray, back: Back) -> tuple[str, str]:
    """The least IoU of a cell with the cell of the same label that was read back, and the difference of its outline.

    The second is the largest difference between the area inside an outline and the pixels of its cell, as a share of
    these pixels; "–" if there are no outlines.
    """
    found, outlined = back
    count = int(labels.max()) + 1
    pixels = np.bincount(labels.ravel(), minlength=count)[1:]
    both = np.bincount(labels[labels == found], minlength=count)[1:]
    either = pixels + np.bincount(found.ravel(), minlength=count)[1:] - both
    iou = f"{(both / either).min():.4f}"
    if outlined is None:
        return iou, "–"
    areas = np.array([outlined[label] for label in range(1, count)])
    return iou, f"{(np.abs(areas - pixels) / pixels).max():.1%}"


def size_of(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) or path.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=1024, help="pixels along a side (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default: %(default)s)")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore")
    labels = make_sample(SEED, INDEX, size=given.side).labels.astype(np.int32)
    print(f"{given.side}×{given.side}, {labels.max():,} cells; medians of turns\n")
    print(HEAD + "\n" + "|---" * 10 + "|")
    with TemporaryDirectory() as folder:
        for name in FORMATS:
            print(row_of(name, labels, Path(folder), rounds=given.rounds), flush=True)


def row_of(name: str, labels: np.ndarray, folder: Path, *, rounds: int) -> str:
    """Returns one row of the table; the last column is the share of the cores that other processes took."""
    packages, own_way, read = OWN_WAY[name]
    if absent := [package for package in packages if find_spec(package) is None]:
        return f"| {name} | needs {', '.join(absent)} |"
    ours, theirs = (FORMATS[name].path(folder / who, "image") for who in ("ours", "theirs"))
    theirs.parent.mkdir(parents=True, exist_ok=True)

    def write() -> None:
        label_map = LabelMap("image", "image.tif", labels, "cell", {})
        FORMATS[name].write(ours, [label_map] if FORMATS[name].whole else label_map)

    timing: Timing = take_turns({"ours": write, "own": lambda: own_way(theirs, labels)}, rounds=rounds, seconds=60)
    (iou, area), (their_iou, their_area) = (differences(labels, read(path, labels.shape)) for path in (ours, theirs))
    mpx = labels.size / 1e6
    times = " | ".join(f"{1000 * timing.median(who) / mpx:,.0f}" for who in ("ours", "own"))
    others = "unknown" if timing.others is None else f"{timing.others:.0%}"
    sizes = f"{size_of(ours):,} | {size_of(theirs):,}"
    return f"| {name} | {sizes} | {iou} | {their_iou} | {area} | {their_area} | {times} | {others} |"


if __name__ == "__main__":
    main()
