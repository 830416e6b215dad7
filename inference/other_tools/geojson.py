"""Label map → GeoJSON, as QuPath reads and writes it: one object for each cell.

Source: RFC 7946, and the properties that QuPath exports (objectType, name, classification, measurements). Coordinates
are pixels, and (0, 0) is the upper left corner of the image.
"""

from __future__ import annotations

import json
from pathlib import Path

from inference.other_tools.cells import LabelMap
from inference.other_tools.outlines import Outline, Ring, outlines
from system.files import atomic_file

AT_ONCE = 1000  # features that are written together


def write_geojson(path: Path, label_map: LabelMap) -> None:
    """Writes a FeatureCollection. A cell is a Polygon, or a MultiPolygon if it has several parts.

    The outlines follow the edges of the pixels, so that the area of a polygon is the number of its pixels.

    Raises:
        DiskError: the file cannot be written.
    """
    lines: list[str] = []
    with atomic_file(path) as file:
        file.write(b'{"type":"FeatureCollection","features":[')
        before = "\n"
        for outline in outlines(label_map.labels, label_map.cells):
            lines.append(before + _feature(outline, label_map))
            before = ",\n"
            if len(lines) == AT_ONCE:
                file.write("".join(lines).encode())
                lines = []
        file.write("".join([*lines, "\n]}\n"]).encode())


def _feature(outline: Outline, label_map: LabelMap) -> str:
    label, area = int(label_map.cells.ids[outline.place]), int(label_map.cells.areas[outline.place])
    polygons = [[_closed(ring) for ring in polygon] for polygon in outline.polygons]
    measurements: dict[str, float] = {"area": area}
    if label in label_map.confidence_of:
        measurements["confidence"] = label_map.confidence_of[label]
    one = len(polygons) == 1
    feature = {
        "type": "Feature",
        "geometry": {
            "type": "Polygon" if one else "MultiPolygon",
            "coordinates": polygons[0] if one else polygons,
        },
        "properties": {
            "objectType": "detection",
            "name": str(label),
            "classification": {"name": label_map.class_name},
            "measurements": measurements,
        },
    }
    return json.dumps(feature, separators=(",", ":"), ensure_ascii=False)


def _closed(ring: Ring) -> list[list[int]]:
    points = ring.tolist()
    return [*points, points[0]]
