"""Predicts one image of any size: everything that is as large as the image lies in files.

The memory grows with the width of the image and the number of its cells, not with its pixels. This holds for runs that
were trained on crops, and for TIFF files that `images.regions` reads by rows. Other files are read whole. A run that
resizes its images holds the logits of the whole image.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from images.image_reader import ImageFile, ImageReader
from images.pixel_size import Found
from images.regions import ImageRows, open_rows, open_stored_rows
from inference.cells.blocks import decode_blocks
from inference.cells.decoding import Objects
from inference.files.outputs import PredictionFolder
from inference.image_predictor import ImagePredictor
from inference.measurements.measuring import MeasuredImage
from inference.prediction import Prediction
from inference.warnings.comparing import Comparison
from system.scratch import array_in_file

SHOWN = 4096  # longest side of an overlay in pixels


def predict_large(
    predictor: ImagePredictor,
    image: np.ndarray | Path | ImageFile,
    folder: PredictionFolder,
    image_id: str,
    *,
    shape: tuple[int, int],
    threshold: float | None,
    pixel_size: Found = (None, ""),
    comparison: Comparison | None = None,
) -> None:
    """Predicts one image, and writes its results to `folder` as `image_id`.

    The masks are those of `predictor.predict`. Cells are decoded block by block from maps of 16 bits; see
    `inference.cells.blocks.decode_blocks`. The overlay is reduced to 4096 pixels.

    Args:
        image: as `ImagePredictor.strips` takes it.
        shape: its height and width.
        threshold: see `ImagePredictor.__call__`.
        pixel_size: see `images.pixel_size.pixel_size_of`.
        comparison: with the training images; None compares nothing.

    Raises:
        FileError: the file cannot be used.
        DiskError: the disk below `folder` is full. About 13 bytes per pixel are needed meanwhile.
    """
    with TemporaryDirectory(prefix=f".{Path(image_id).name[:40]}.", dir=folder.path) as work, ExitStack() as arrays:
        held = lambda name, kind, *sizes: arrays.enter_context(array_in_file(Path(work) / name, kind, sizes))
        masks = held("masks", np.bool_, len(predictor.classes), *shape)
        maps = None if predictor.decoding is None else held("maps", np.uint16, len(predictor.task.channels), *shape)
        predictor.fill(image, masks, maps, threshold=threshold)
        stored = arrays.enter_context(open_stored_rows(image, predictor.reader))
        objects = measured = areas = None
        if maps is not None:
            labels = held("labels", np.uint32, *shape)
            tally = decode_blocks(maps, predictor.decoding.how, labels, scratch=Path(work))
            objects, areas = Objects(labels, tally.confidences), tally.areas
            measured = MeasuredImage(stored.rows, stored.shape[2], *pixel_size)
        seen = arrays.enter_context(_opened(image, predictor.reader))
        warnings = []
        if comparison is not None:
            drawn, size = masks[predictor.task.drawn], pixel_size[0]
            warnings = comparison.warnings(stored.rows, seen.rows, drawn, areas=areas, pixel_size=size)
        step = -(-max(shape) // SHOWN)
        shown, prediction = _every(seen, step), Prediction(masks, objects)
        folder.write(image_id, shown, prediction, measured=measured, warnings=warnings, step=step)


def _opened(image: np.ndarray | Path | ImageFile, reader: ImageReader) -> ImageRows:
    """Opens the rows of an image as the run sees them, uint8."""
    if not isinstance(image, np.ndarray):
        return open_rows(image, reader)
    converted = reader.convert(image)
    return ImageRows(converted.shape, lambda top, bottom: converted[top:bottom])


def _every(seen: ImageRows, step: int) -> np.ndarray:
    """Returns every `step`-th pixel of an image along both sides: [h, w, channels] uint8."""
    height = seen.shape[0]
    # A copy, because a view would keep all of its rows in memory.
    return np.concatenate(
        [seen.rows(top, min(top + step, height))[:1, ::step].copy() for top in range(0, height, step)]
    )
