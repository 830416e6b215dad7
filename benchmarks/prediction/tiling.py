"""Measures tiled prediction with a run of crops: on one large image, and against the whole image at once.

    python -m benchmarks.prediction.tiling --run outputs/dsb2018 [--side 4096]

Prints the seconds per megapixel and the growth of the peak memory for a square image of that side. Then it prints the
share of mask pixels that differ from prediction without tiles, over the run's validation images.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import torch

from assemble import data_folder
from datasets.prepare.drawing import make_sample
from datasets.split import read_split, select
from inference.predictor import Predictor
from saved_run import SavedRun, open_run

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--side", type=int, default=4096, help="side of the large image, a multiple of 512")
    arguments = parser.parse_args()
    saved = open_run(arguments.run)
    predictor = saved.predictor
    print(f"{arguments.run}, tile {predictor.model.tile}, overlap {predictor.model.overlap}, {predictor.runtime}")
    predict_large(predictor, arguments.side)  # this comes first, before anything else raises the peak memory
    compare_with_whole(saved)


@torch.inference_mode()
def compare_with_whole(saved: SavedRun) -> None:
    """Prints how many mask pixels differ between tiles and the whole image, over the validation images."""
    predictor, folder = saved.predictor, data_folder(saved.config, ROOT)
    split = read_split(saved.folder.path / "split.csv", [sample.id for sample in folder.samples])
    differing = pixels = foreground = 0
    for sample in select(folder.samples, split, "val"):
        image = predictor.reader.read(sample.image)
        tiled = torch.from_numpy(predictor.masks(image))
        network_input = predictor.runtime.move_images(predictor.normalise(image)[None])
        with predictor.runtime.autocast():
            whole = predictor.task.decide(predictor.model.model(network_input).float())[0].cpu()
        differing += (tiled != whole).sum().item()
        foreground += whole.sum().item()
        pixels += tiled.numel()
    print(
        f"tiled against whole: {differing / pixels:.4%} of {pixels:,} pixels differ "
        f"({differing / foreground:.4%} of the foreground's {foreground:,})"
    )


def predict_large(predictor: Predictor, side: int) -> None:
    """Prints, for one synthetic image, the seconds per megapixel and the growth of the peak memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    piece = make_sample(0, 0, size=512).image
    image = predictor.reader.convert(np.tile(piece, (side // 512, side // 512, 1)))
    started = time.perf_counter()
    predictor.masks(image)
    seconds = time.perf_counter() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    megapixels = side * side / 1e6
    print(f"{side}×{side}: {seconds / megapixels:.2f} s per megapixel, peak memory grown by {grown:.0f} MiB")


if __name__ == "__main__":
    main()
