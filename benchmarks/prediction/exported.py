"""The rows of the table of `benchmarks.prediction.export`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.measure import take_turns
from engine.device import choose_runtime
from images.image_reader import ImageReader
from images.normalise import IMAGENET
from inference.export.comparison import Comparison, Run, compare
from inference.export.formats import NETWORKS, is_installed
from inference.export.portable import portable_model
from inference.export.sample import drawn_tiles, tiles_of
from inference.predictor import Predictor
from inference.tiling import TiledModel
from models import build_model
from system.lazy import load
from tasks import load_task

HALF = (16, 32, 64, 128, 256)  # half of the published widths


def opened(path: Path, most: int | None) -> tuple[Predictor, list[Path]]:
    """Returns the predictor of a run, and its validation images."""
    from inference.export.__main__ import images_of
    from saved_run import open_run

    saved = open_run(path, device="cpu", precision="fp32")
    return saved.predictor, images_of(saved)[:most]


def untrained(name: str, side: int) -> Predictor:
    """Returns the predictor of a network with random weights, for cells and RGB."""
    torch.manual_seed(0)
    task, runtime = load_task("distance")(("cell",)), choose_runtime("cpu", "fp32")
    network = runtime.place(build_model(name, num_classes=len(task.channels), filters=HALF)).eval()
    tiled = TiledModel(network, tile=(side, side), overlap=side // 2)
    return Predictor(tiled, task, ImageReader(), IMAGENET, None, runtime, epoch=0)


def rows_of(predictor: Predictor, images: list[Path], given: argparse.Namespace) -> Iterator[str]:
    """Writes the network in every format that can be run here, and yields the rest of a row for each."""
    size = predictor.size or predictor.model.tile
    channels = predictor.reader.channels
    tiles = drawn_tiles(max(3, given.pixels // (size[0] * size[1])), channels, size)
    if images:
        first = tiles_of(images[: len(tiles)], predictor.reader, size=size, resized=predictor.size is not None)
        tiles[: len(first)] = first
    model = portable_model(predictor)
    with TemporaryDirectory() as folder:
        for name, kind in NETWORKS.items():
            if not is_installed(kind.runtime):
                continue
            path = Path(folder) / kind.file
            load(kind.write)(path, model, shape=(channels, *size), metadata={})
            run = load(kind.open)(path, threads=given.threads)
            found = compare(predictor, model, {name: run}, tiles=tiles.astype(np.float32), images=images)[name]
            yield row_of(name, path, found, timing_cells(predictor, run, tiles, given))


def row_of(name: str, path: Path, found: Comparison, timing: str) -> str:
    other = "–" if found.differing is None else f"{found.differing:,} of {found.pixels:,}"
    return f"| {name} | {path.stat().st_size / 1e6:.2f} | {found.difference:.1e} | {other} | {timing}"


def timing_cells(predictor: Predictor, run: Run, tiles: np.ndarray, given: argparse.Namespace) -> str:
    """Times one batch of tiles by turns, and returns the cells of the table."""
    batch = tiles[: max(1, given.pixels // (tiles.shape[2] * tiles.shape[3]))]
    pixels, network = torch.from_numpy(batch), predictor.network

    @torch.inference_mode()
    def ours() -> None:
        network(predictor.normalise.planes(predictor.runtime.move_images(pixels)))

    callables = {"ours": ours, "file": lambda: run(batch.astype(np.float32))}
    timing = take_turns(callables, rounds=given.rounds, seconds=given.seconds)
    megapixels = len(batch) * batch.shape[2] * batch.shape[3] / 1e6
    ratio, lower, upper = timing.ratio("ours", "file")
    times = " | ".join(f"{1000 * timing.median(name) / megapixels:.0f}" for name in callables)
    others = "?" if timing.others is None else f"{timing.others:.0%}"
    return f"{times} | {ratio:.2f} ({lower:.2f}–{upper:.2f}) | {others} |"
