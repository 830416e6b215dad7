"""Label map → a zip of ImageJ ROIs, which ImageJ and Fiji open in the ROI Manager. The package roifile makes the ROIs.

Source: the format as ImageJ's RoiDecoder and ShapeRoi read it.
"""

from __future__ import annotations

import zipfile
from itertools import chain
from pathlib import Path

import numpy as np
from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi

from inference.other_tools.cells import LabelMap
from inference.other_tools.outlines import Outline, Ring, outlines
from system.files import atomic_file

MOVE, LINE, CLOSE = 0.0, 1.0, 4.0  # steps of a path of ImageJ
FARTHEST, LARGEST = 60_535, 32_767  # beyond this coordinate, or this size, a ROI has no whole numbers
DAY = (1980, 1, 1, 0, 0, 0)  # the first that zip knows: equal label maps give equal files


def write_roi(path: Path, label_map: LabelMap) -> None:
    """Writes a ROI for each cell. Its name is the label, and its property "confidence" is the confidence, if known.

    A cell is a polygon along the edges of its pixels, or a composite ROI if it has holes or several parts.

    Raises:
        DiskError: the file cannot be written.
    """
    with atomic_file(path) as file, zipfile.ZipFile(file, "w") as archive:
        for outline in outlines(label_map.labels, label_map.cells):
            label = int(label_map.cells.ids[outline.place])
            roi = _roi_of(outline, label_map.cells.boxes[outline.place].tolist())
            roi.name = str(label)
            if label in label_map.confidence_of:
                roi.props = f"confidence: {label_map.confidence_of[label]}\n"
            archive.writestr(zipfile.ZipInfo(f"{label}.roi", DAY), roi.tobytes())


def _roi_of(outline: Outline, box: list[int]) -> ImagejRoi:
    top, left, bottom, right = box
    rings = list(chain.from_iterable(outline.polygons))
    if len(rings) > 1:
        path = np.concatenate([_path(ring) for ring in rings])
        sides = {"top": top, "left": left, "bottom": bottom, "right": right}
        return ImagejRoi(roitype=ROI_TYPE.RECT, **sides, shape_roi_size=len(path), multi_coordinates=path)
    points = rings[0]
    roi = ImagejRoi(roitype=ROI_TYPE.POLYGON, top=top, left=left, bottom=bottom, right=right)
    roi.n_coordinates, roi.integer_coordinates = len(points), points - (left, top)
    if max(bottom, right) > FARTHEST or max(bottom - top, right - left) > LARGEST:
        roi.options |= ROI_OPTIONS.SUB_PIXEL_RESOLUTION
        roi.subpixel_coordinates = points.astype(np.float32)
    return roi


def _path(ring: Ring) -> np.ndarray:
    steps = np.full((len(ring), 3), LINE, np.float32)
    steps[:, 1:] = ring
    steps[0, 0] = MOVE
    return np.append(steps.ravel(), np.float32(CLOSE))
