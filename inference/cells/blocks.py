"""Decodes the maps of an image of any size block by block, to the same objects as the whole image at once.

Labels of separate blocks cannot be joined well: a cell that a seam cuts comes back as two, and two cells that touch at
a seam come back as one. Here, the seeds of the whole image get their numbers first, and every block is flooded from
seeds that have these numbers already.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from inference.cells.decoding import METHODS, Decoding
from inference.cells.flooding import flooded
from inference.cells.holes import Holes
from inference.cells.seams import Box, Seams, blocks_of
from system.scratch import array_in_file

BLOCK, HALO = 512, 64  # pixels; the queue of a flood is longer in larger blocks, and slower
WIDEST = 8  # times the halo is the widest one that a block gets


@dataclass(frozen=True)
class Tally:
    """What decoding in blocks says about the objects 1 … n of an image.

    Attributes:
        confidences: [n] float32 in (0, 1], the mean probability of the foreground over each object.
        areas: [n] int64, in pixels.
    """

    confidences: np.ndarray
    areas: np.ndarray


def decode_blocks(
    maps: np.ndarray, how: Decoding, labels: np.ndarray, *, scratch: Path, block: int = BLOCK, halo: int = HALO
) -> Tally:
    """Finds the objects of one image, and writes them to `labels`, as `inference.cells.decoding.decode` finds them.

    The memory is bounded by the size of a block, the width of the image and the number of objects, if `maps` and
    `labels` lie in files (`numpy.memmap`). Where the flood of a block depends on what lies beyond its halo, that part
    is flooded again with a wider one, up to 8 times the halo. The result is that of the whole image for `components`,
    and for `distance` and `border` unless the flood of a seed runs further than the widest halo into a block. For
    `watershed` it is so where the mask is less deep than the halo minus 4 pixels, and where the region around a top
    that lies at most one pixel below it ends within the halo.

    Args:
        maps: [C, H, W] uint8 or uint16, 255 or 65,535 times the maps that `decode` takes; or those maps in float32.
        labels: [H, W] int32 or uint32, is overwritten: 0 is background, then 1 … n in raster order.
        scratch: an existing folder, for a file of 4 bytes per pixel that is removed at the end. Decodings at the same
            time need different ones.
        block, halo: in pixels; a block is flooded together with the halo around it.

    Raises:
        DiskError: the scratch folder has too little room.
        ValueError: `labels` has another shape or dtype.
        OverflowError: the seeds or the background have more than 2**31 − 1 components.
    """
    if labels.shape != maps.shape[1:] or labels.dtype not in (np.int32, np.uint32):
        raise ValueError(f"labels of {maps.shape[1:]} int32 or uint32 are needed, got {labels.shape} {labels.dtype}")
    holes = Holes(labels.shape)
    with array_in_file(scratch / "seeds", np.int32, labels.shape) as seeds:
        numbers = _number_seeds(maps, how, seeds, block=block, halo=halo)
        image = _Image(maps, how, seeds, numbers, halo * WIDEST)
        for box in blocks_of(labels.shape, block):
            objects = image.flood(box, halo)
            holes.add(box, objects)
            labels[box.slices] = objects
        del image, seeds  # Windows removes no file that is mapped
    holes.close()
    for box in blocks_of(labels.shape, block):
        holes.look_around(box, labels)
    return _finish(maps[0], how, labels, holes, count=int(numbers.max()), block=block)


def _in_float(maps: np.ndarray) -> np.ndarray:
    """Maps of a block, as `decode_blocks` takes them → the same in float32."""
    if maps.dtype.kind == "u":
        return np.divide(maps, np.iinfo(maps.dtype).max, dtype=np.float32)
    return np.asarray(maps, np.float32)


def _number_seeds(maps: np.ndarray, how: Decoding, seeds: np.ndarray, *, block: int, halo: int) -> np.ndarray:
    """Writes provisional numbers of the seeds to `seeds` [H, W] int32; returns the table from them to final ones.

    Final numbers are 1 … n; seeds that are too small have 0.
    """
    method = METHODS[how.method]
    seams, areas = Seams(seeds.shape, connectivity=method.connectivity), [np.zeros(1, np.int64)]
    for box in blocks_of(seeds.shape, block):
        window = box if method.by_pixel else box.grown(halo, seeds.shape)
        found = method.landscape(_in_float(maps[(slice(None), *window.slices)]), how).seeds[box.within(window)]
        pixels = np.ascontiguousarray(found).view(np.uint8)
        count, components = cv2.connectedComponents(pixels, connectivity=method.connectivity, ltype=cv2.CV_32S)
        areas.append(np.bincount(components[found], minlength=count)[1:])
        first = seams.add(box, components, count - 1)
        seeds[box.slices] = np.add(components, first, out=components, where=found)
    table, count = seams.joined()
    kept = np.bincount(table, weights=np.concatenate(areas), minlength=count + 1) >= how.min_seed
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)[table]


@dataclass(frozen=True)
class _Image:
    """An image whose seeds have their numbers: `seeds` and `numbers` are those of `_number_seeds`."""

    maps: np.ndarray
    how: Decoding
    seeds: np.ndarray
    numbers: np.ndarray
    widest: int

    def flood(self, box: Box, halo: int) -> np.ndarray:
        """Returns the objects [h, w] int32 of a block, before holes are filled and small objects are dropped.

        What comes in from beyond the halo is not known. It gets a number of its own and floods the block from the edge
        of the halo as early as it could. Where it does not get to, nothing beyond the halo makes a difference.
        """
        shape = self.seeds.shape
        window = box.grown(halo, shape)
        markers = self.numbers.take(self.seeds[window.slices])
        if self.how.method == "components":
            return markers[box.within(window)]
        landscape = METHODS[self.how.method].landscape(_in_float(self.maps[(slice(None), *window.slices)]), self.how)
        unknown = len(self.numbers)  # more than any number of a seed
        if halo < self.widest:
            _mark_edges(markers, landscape.foreground, window, shape, unknown)
        labels = flooded(landscape, markers, origin=(window.top, window.left), core=box.within(window))
        beyond = labels == unknown
        if beyond.any():
            rows, columns = (np.flatnonzero(beyond.any(axis=axis)).tolist() for axis in (1, 0))
            part = Box(box.top + rows[0], box.left + columns[0], box.top + rows[-1] + 1, box.left + columns[-1] + 1)
            place = part.within(box)
            np.copyto(labels[place], self.flood(part, min(2 * halo, self.widest)), where=beyond[place])
        return labels


def _mark_edges(markers: np.ndarray, foreground: np.ndarray, window: Box, shape: tuple[int, int], number: int) -> None:
    """Writes `number` where foreground without a marker lies at an edge of a window that is no edge of the image."""
    cut = np.zeros(foreground.shape, bool)
    cut[0] |= window.top > 0
    cut[-1] |= window.bottom < shape[0]
    cut[:, 0] |= window.left > 0
    cut[:, -1] |= window.right < shape[1]
    markers[cut & foreground & (markers == 0)] = number


def _finish(
    probability: np.ndarray, how: Decoding, labels: np.ndarray, holes: Holes, *, count: int, block: int
) -> Tally:
    """Fills holes, drops small objects, and numbers the rest in raster order, as `finished` does in one piece.

    Args:
        count: the highest number in `labels`.
    """
    areas, sums = np.zeros(count + 1, np.int64), np.zeros(count + 1)
    first = np.full(count + 1, np.iinfo(np.int64).max)  # of each object, its first pixel in raster order
    for box in blocks_of(labels.shape, block):
        objects = np.array(labels[box.slices])
        if holes.fill(box, objects):
            labels[box.slices] = objects
        places = np.flatnonzero(objects > 0)
        if not len(places):
            continue
        numbers, p = objects.take(places), _in_float(probability[box.slices].take(places))
        least = int(numbers.min())
        numbers = numbers.astype(np.intp) - least
        found = np.bincount(numbers)
        present = np.s_[least : least + len(found)]
        areas[present] += found
        sums[present] += np.bincount(numbers, weights=p)
        earliest = np.zeros(len(found), np.int64)
        earliest[numbers[::-1]] = places[::-1]
        rows, columns = np.divmod(earliest, box.right - box.left)
        earliest = np.where(found > 0, (rows + box.top) * labels.shape[1] + columns + box.left, first[present])
        np.minimum(first[present], earliest, out=first[present])
    kept = np.flatnonzero(areas >= max(1, how.min_area))
    kept = kept[np.argsort(first[kept])]
    final = np.zeros(count + 1, labels.dtype)
    final[kept] = np.arange(1, len(kept) + 1)
    for box in blocks_of(labels.shape, block):
        labels[box.slices] = final.take(labels[box.slices])
    return Tally((sums[kept] / areas[kept]).astype(np.float32), areas[kept])
