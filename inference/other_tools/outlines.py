"""Outlines of cells that follow the edges of their pixels, so that filling them gives the same pixels again.

The pixel in row y and column x covers x to x + 1 and y to y + 1: a square of n × n pixels has the area n². QuPath, and
ImageJ for polygons, count in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from inference.other_tools.cells import Cells, bands

Ring = np.ndarray  # [n, 2] int32, x and y of the corners of a closed line; the first corner is not repeated
START = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.int32)  # x, y of the corner where the edge of a side begins


@dataclass(frozen=True)
class Outline:
    """The outline of one cell.

    Attributes:
        place: the place of the cell in `Cells`.
        polygons: one for each part of the cell whose pixels are connected by their sides. The first ring of a polygon
            is its outer line, and the others are its holes. No ring touches itself. Outer lines go clockwise as images
            are shown (counterclockwise where y points up), and holes the other way round.
    """

    place: int
    polygons: tuple[tuple[Ring, ...], ...]


def outlines(labels: np.ndarray, cells: Cells) -> Iterator[Outline]:
    """Yields the outlines of all cells of a label map [H, W]; see `bands` for the memory and the order."""
    for band in bands(labels, cells):
        rings, owners = trace(band.numbers, top=band.top)
        bounds = np.searchsorted(owners, np.arange(1, len(band.members) + 2)).tolist()
        for place, (first, end) in zip(band.members.tolist(), pairwise(bounds), strict=True):
            own = rings[first:end]
            yield Outline(place, ((own[0],),) if len(own) == 1 else _polygons(own))


def trace(numbers: np.ndarray, *, top: int = 0) -> tuple[list[Ring], np.ndarray]:
    """Finds all rings around the cells of [h, w] int32, numbered 1 … n.

    An edge is a side of a pixel whose neighbour on this side belongs to another cell. The sides have the numbers 0 to 3
    for top, right, bottom and left, the order in which an outline goes round a pixel. An edge is walked with its pixel
    on the right hand. At a corner where two pixels of a cell touch diagonally, the walk turns right, and stays at its
    pixel.

    Args:
        top: the row of the label map where `numbers` begins; it is added to the rows of the corners.

    Returns:
        The rings, and their cells, [r] int64 in ascending order.
    """
    width = numbers.shape[1] + 2
    padded = np.pad(numbers, 1)
    flat = padded.ravel()
    ahead = np.array([1, width, -1, -width])  # from a pixel to the next one along its top, right, bottom and left side
    outside = np.array([-width, 1, width, -1])  # to the neighbour on this side
    edges = np.zeros((*padded.shape, 4), bool)
    beyond = (padded[:-2, 1:-1], padded[1:-1, 2:], padded[2:, 1:-1], padded[1:-1, :-2])  # top, right, bottom, left
    for side, neighbour in enumerate(beyond):
        edges[1:-1, 1:-1, side] = (numbers != neighbour) & (numbers > 0)
    pixel, side = np.divmod(np.flatnonzero(edges), 4)
    # The edge that follows: around the same pixel, straight on, or around the pixel that lies diagonally ahead.
    straight = flat[pixel + ahead[side]] == flat[pixel]
    across = pixel + ahead[side] + outside[side]
    inward = straight & (flat[across] == flat[pixel])
    around = np.where(straight, (pixel + ahead[side]) * 4 + side, pixel * 4 + (side + 1) % 4)
    following = np.where(inward, across * 4 + (side + 3) % 4, around)
    order, counts = _walk(np.searchsorted(pixel * 4 + side, following))
    side, pixel = side[order], pixel[order]
    ends = np.cumsum(counts)
    before = np.arange(-1, len(order) - 1)
    before[ends - counts] = ends - 1
    corner = side != side[before]
    y, x = np.divmod(pixel[corner], width)
    points = np.stack([x, y], axis=1).astype(np.int32) + (-1, top - 1) + START[side[corner]]
    lengths = np.add.reduceat(corner, ends - counts, dtype=np.int64) if len(ends) else ends
    rings, owners = _split(points, lengths), flat[pixel[ends - counts]].astype(np.int64)
    owners = np.repeat(owners, [len(parts) for parts in rings])
    rings = [ring for parts in rings for ring in parts]
    by_owner = np.argsort(owners, kind="stable")
    return [rings[place] for place in by_owner.tolist()], owners[by_owner]


def _walk(following: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orders the edges of rings, all rings at the same time.

    Args:
        following: [n], the edge behind each edge; every edge is behind exactly one.

    Returns:
        [n] the edges, one ring behind the other, and [r] the number of edges of each ring.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    count = len(following)
    ones, rows = np.ones(count, bool), np.arange(count + 1)
    _, ring = connected_components(csr_array((ones, following, rows), shape=(count, count)), connection="weak")
    counts = np.bincount(ring)
    at = np.empty(len(counts), np.int64)  # the edge where each ring begins: any
    at[ring] = np.arange(count)
    order, start, place = np.empty(count, np.int64), at, np.cumsum(counts) - counts
    while len(at):
        order[place] = at
        at, place = following[at], place + 1
        going = at != start
        if not going.all():
            at, place, start = at[going], place[going], start[going]
    return order, counts


def _split(points: np.ndarray, lengths: np.ndarray) -> list[list[Ring]]:
    """Corners of rings, one ring behind the other → the rings. One that touches itself is split there."""
    ends = np.cumsum(lengths)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((points[:, 0], points[:, 1], owner))
    same = (owner[order][1:] == owner[order][:-1]) & (points[order][1:] == points[order][:-1]).all(axis=1)
    touching = set(owner[order][1:][same].tolist())
    rings = np.split(points, ends[:-1]) if len(ends) else []
    return [_simple(ring) if number in touching else [ring] for number, ring in enumerate(rings)]


def _simple(ring: Ring) -> list[Ring]:
    """Splits a ring at each corner that it passes twice, into rings that pass every corner once."""
    found, path, seen = [], [], {}
    for point in map(tuple, ring.tolist()):
        if point in seen:
            loop = path[seen[point] :]
            found.append(np.array(loop, np.int32))
            for one in loop:
                del seen[one]
            del path[len(path) - len(loop) :]
        seen[point] = len(path)
        path.append(point)
    return [*found, np.array(path, np.int32)]


def _polygons(rings: Sequence[Ring]) -> tuple[tuple[Ring, ...], ...]:
    """The rings of one cell → its polygons: each hole goes to the smallest outer line around it."""
    sizes = [signed_area(ring) for ring in rings]
    outer = sorted((size, number) for number, size in enumerate(sizes) if size > 0)
    holes: dict[int, list[Ring]] = {number: [] for _, number in outer}
    for ring, size in zip(rings, sizes, strict=True):
        if size < 0:
            around = (number for _, number in outer if len(outer) == 1 or _is_around(rings[number], ring))
            holes[next(around)].append(ring)
    return tuple((rings[number], *inner) for number, inner in holes.items())


def signed_area(ring: Ring) -> int:
    """The area inside a ring in pixels; below 0 for holes."""
    x, y = ring.astype(np.int64).T
    return int(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) // 2


def _is_around(ring: Ring, hole: Ring) -> bool:
    """Whether the pixel of the cell that lies at the first edge of a hole is inside a ring."""
    (x, y), (to_x, to_y) = hole[0].tolist(), hole[1].tolist()
    along_x, along_y = np.sign(to_x - x), np.sign(to_y - y)
    # The cell is on the right hand; half a pixel along the edge and half a pixel to the right is a centre of a pixel.
    x, y = x + (along_x - along_y) / 2, y + (along_y + along_x) / 2
    (left, top), (right, bottom) = ring.T, np.roll(ring, -1, axis=0).T
    crossed = (left == right) & (left > x) & (np.minimum(top, bottom) < y) & (y < np.maximum(top, bottom))
    return bool(np.count_nonzero(crossed) % 2)
