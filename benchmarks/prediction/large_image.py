"""Predicts a large tiled TIFF as predict.py does: memory, time, and the difference from the whole image at once.

    python -m benchmarks.prediction.large_image [--side 4096] [--run outputs/x] [--folder .]

Without a run, the network costs nothing: the channels of the image are the maps of drawn nuclei. With a run, the image
shows drawn nuclei. The memory is the peak of the anonymous memory of the process (Linux), minus that of the loaded run.
With a run and up to a side of 4096 pixels, the image is also predicted at once, and the pixels are counted that belong
to another cell there, whatever the numbers of the cells are.
(`benchmarks.prediction.large` compares without a run: there the maps have 8 bits on both ways.)
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.prediction.large import AT_ONCE, PIECE, PIECES, peak_of_anonymous_memory
from datasets.prepare.drawing import make_sample
from engine.device import choose_runtime
from images.image_reader import ImageReader
from images.normalise import Normalisation
from images.reading import decode_labels, read_bytes, read_image
from inference.cells.decode_file import ChosenDecoding
from inference.cells.decoding import decoding_by
from inference.files.outputs import PredictionFolder
from inference.image_predictor import ImagePredictor
from inference.pipeline.large import predict_large
from inference.predictor import Predictor
from inference.tiling import TiledModel
from metrics import match_labels
from saved_run import load_run
from tasks.distance import Distance

TILE = 256  # of the file and of the network that costs nothing, in pixels


class Shown(nn.Module):
    """Its maps are the first two channels of an image in [0, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        return images[:, :2].logit(eps=1e-4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=4096, help="side of the image in pixels")
    parser.add_argument("--run", type=Path, help="run folder; default: a network that costs nothing")
    parser.add_argument("--folder", type=Path, help="holds the files meanwhile, 15 bytes per pixel; default: temporary")
    given = parser.parse_args()
    print("| network | side | cells | s per megapixel | peak in MB | cells at once | pixels that differ |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        path = Path(folder) / "image.tif"
        write_image(path, given.side, channels=1 if given.run else 3)
        with get_context("spawn").Pool(1) as process:  # a process of its own, whose memory is that of the loaded run
            print(process.apply(measured, (given.run, path, given.side, Path(folder) / "out")), flush=True)


def write_image(path: Path, side: int, *, channels: int) -> None:
    """Writes a tiled TIFF of drawn nuclei: their grey image, or their maps in three channels."""
    import tifffile

    from tasks.distance_maps import distance_map

    pieces = []
    for index in range(PIECES):
        sample = make_sample(0, index, size=PIECE)
        maps = np.stack([sample.labels > 0, distance_map(sample.labels), 0 * sample.labels], axis=-1)
        grey = sample.image if sample.image.ndim == 3 else sample.image[..., None]
        pieces.append(grey[..., :1] if channels == 1 else np.rint(maps * 255).astype(np.uint8))
    order = np.random.default_rng(0).integers(0, PIECES, (-(-side // PIECE),) * 2)

    def tiles() -> Iterator[np.ndarray]:
        for top in range(0, side, TILE):
            rows = np.arange(top, top + TILE).clip(max=side - 1)
            band = np.zeros((TILE, side + TILE, channels), np.uint8)
            for column in range(order.shape[1]):
                left = column * PIECE
                width = min(PIECE, side - left)
                for number in np.unique(rows // PIECE):
                    inside = rows // PIECE == number
                    band[inside, left : left + width] = pieces[order[number, column]][rows[inside] % PIECE, :width]
            for left in range(0, side, TILE):
                tile = band[:, left : left + TILE]
                yield tile if channels == 3 else tile[..., 0]

    shape = (side, side, 3) if channels == 3 else (side, side)
    photometric = "rgb" if channels == 3 else "minisblack"
    tifffile.imwrite(
        path, tiles(), shape=shape, dtype=np.uint8, tile=(TILE, TILE), compression="zlib", photometric=photometric
    )


def measured(run: Path | None, path: Path, side: int, out: Path) -> str:
    """Returns one row of the table."""
    predictor = load_run(run) if run else free_predictor()
    predictor.predict(np.zeros((TILE, TILE, 1 if run else 3), np.uint8))  # imports and allocates what it needs
    folder = PredictionFolder(out, predictor.task, cells=True)
    out.mkdir()
    with peak_of_anonymous_memory() as peak:
        started = time.perf_counter()
        predict_large(predictor, path, folder, "image", shape=(side, side), threshold=None)
        seconds = time.perf_counter() - started
    labels = folder.cells.label_path("image")
    cells = folder.write_summary(["image"])
    figures = compared(predictor, path, labels) if run and side <= AT_ONCE else "– | –"
    name = "free" if run is None else f"`{run.name}`"
    return f"| {name} | {side} | {cells:,} | {seconds / side**2 * 1e6:.3f} | {peak[0] / 1e6:.0f} | {figures} |"


def compared(predictor: ImagePredictor, path: Path, labels: Path) -> str:
    """Returns the number of cells that the whole image at once has, and the number of pixels that differ."""
    whole = predictor.predict(read_image(path)).objects
    found = decode_labels(read_bytes(labels), str(labels))
    overlap = match_labels(whole.labels, found)
    alike = np.zeros(len(overlap.true_ids), np.int64)  # of each cell, the pixels that it shares with the other one
    np.maximum.at(alike, overlap.pairs[:, 0], overlap.shared)
    different = int(((whole.labels > 0) | (found > 0)).sum() - alike.sum())
    return f"{len(whole.confidences):,} | {different}"


def free_predictor() -> Predictor:
    return Predictor(
        model=TiledModel(Shown(), tile=(TILE, TILE), overlap=TILE // 8),
        task=Distance(("nucleus",)),
        reader=ImageReader(channels=3),
        normalise=Normalisation((0.0,) * 3, (1.0,) * 3),
        size=None,
        runtime=choose_runtime("cpu", "fp32"),
        epoch=0,
        decoding=ChosenDecoding(decoding_by("distance")),
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
