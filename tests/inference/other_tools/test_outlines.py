"""Outlines against the pixels of their cells, and against shapely."""

import numpy as np
import pytest
from support.cell_maps import DIAGONAL, NESTED, RING, filled, noise

from inference.other_tools import cells as cells_module
from inference.other_tools.cells import find_cells
from inference.other_tools.outlines import outlines, signed_area


def traced(labels):
    """Label → its polygons."""
    cells = find_cells(labels)
    return {int(cells.ids[one.place]): one.polygons for one in outlines(labels, cells)}


def shape_of(polygons):
    """The lengths of the rings of each polygon."""
    return [[len(ring) for ring in polygon] for polygon in polygons]


def test_a_square_counted_by_hand():
    """Rows 1 to 2 and columns 2 to 4: its corners are those of its pixels, clockwise from any of them."""
    labels = np.zeros((5, 6), np.uint16)
    labels[1:3, 2:5] = 9
    ((ring,),) = traced(labels)[9]
    points = ring.tolist()
    first = points.index([2, 1])
    assert points[first:] + points[:first] == [[2, 1], [5, 1], [5, 3], [2, 3]]
    assert signed_area(ring) == 6


def test_holes_and_parts():
    assert shape_of(traced(RING)[1]) == [[6, 4]]
    assert sorted(shape_of(traced(NESTED)[7])) == [[4], [4, 4]]
    assert shape_of(traced(DIAGONAL)[3]) == [[4], [4]]


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("pixels", [1, 30, 2**22])
def test_filling_gives_the_same_pixels(seed, pixels, monkeypatch):
    """Small bands, down to one row, give the outlines of the whole map."""
    monkeypatch.setattr(cells_module, "PIXELS", pixels)
    labels = noise(seed)
    found = traced(labels)
    assert sorted(found) == np.unique(labels[labels > 0]).tolist()
    for label, polygons in found.items():
        rings = [ring for polygon in polygons for ring in polygon]
        assert np.array_equal(filled(rings, labels.shape), labels == label)
        assert all(len(set(map(tuple, ring.tolist()))) == len(ring) for ring in rings)  # no corner is passed twice
        assert [signed_area(polygon[0]) > 0 for polygon in polygons] == [True] * len(polygons)
        assert all(signed_area(ring) < 0 for polygon in polygons for ring in polygon[1:])


@pytest.mark.parametrize("seed", range(60))
def test_shapely_finds_them_valid(seed):
    geometry = pytest.importorskip("shapely.geometry", reason="shapely is not installed")
    labels = noise(seed)
    for label, polygons in traced(labels).items():
        shapes = [geometry.Polygon(polygon[0], polygon[1:]) for polygon in polygons]
        whole = geometry.MultiPolygon(shapes)
        assert whole.is_valid
        assert whole.area == np.count_nonzero(labels == label)


def test_a_broken_outline_is_seen():
    """The control of the two tests above: a corner that is moved by a pixel changes what is filled."""
    labels = noise(0)
    label, polygons = next(iter(traced(labels).items()))
    rings = [ring.copy() for polygon in polygons for ring in polygon]
    rings[0][0] += 1
    assert not np.array_equal(filled(rings, labels.shape), labels == label)


def test_no_cells_and_a_map_that_is_one_cell():
    assert traced(np.zeros((3, 4), np.int32)) == {}
    ((ring,),) = traced(np.full((3, 4), 5, np.uint8))[5]
    assert sorted(map(tuple, ring.tolist())) == [(0, 0), (0, 3), (4, 0), (4, 3)]
