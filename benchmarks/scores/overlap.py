"""Measures by how much tiles have to overlap: the scores of runs of crops with several overlaps.

    python -m benchmarks.scores.overlap outputs/a outputs/b … [--rounds 1]

Each row has the scores of the validation part of a run, computed as val.py does: the pooled IoU and, if every image has
a label map, AP at .5 of the cells; the share of pixels that differ from those with an overlap of half a tile, and their
number for each 100 pixels of foreground; the number of tiles; and the seconds of the network and the blending, the
median of the rounds, which take turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from assemble import own_data
from engine.loops import evaluate
from inference.cells.object_scores import ObjectScores
from inference.tiling import TiledModel, tile_starts
from saved_run import SavedRun, open_run

ROOT = Path(__file__).resolve().parents[2]  # paths in a configuration are relative to it
SHARES = {"0": 0, "1/8": 8, "1/4": 4, "1/2": 2}  # of the tile's shorter side; the divisor, or 0
HEAD = ("run", "overlap", "IoU", "AP .5", "differing pixels", "per 100 of foreground", "tiles", "seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders")
    parser.add_argument("--rounds", type=int, default=1, help="default: %(default)s")
    given = parser.parse_args()
    rows = [row for path in given.runs for row in rows_of(open_run(path), path.name, rounds=given.rounds)]
    lines = [HEAD, ["---"] * len(HEAD), *rows]
    print("\n".join("| " + " | ".join(line) + " |" for line in lines))


def rows_of(saved: SavedRun, name: str, *, rounds: int) -> list[list[str]]:
    """Scores one run with each overlap."""
    samples, loader, _ = own_data(saved, "val", ROOT)
    predictor, masks = saved.predictor, {}
    tile, side = predictor.model.tile, min(predictor.model.tile)
    overlaps = {share: side // divisor if divisor else 0 for share, divisor in SHARES.items()}
    seconds, scores = {share: [] for share in overlaps}, {}
    for number in range(rounds):
        for share, overlap in overlaps.items():
            model = TiledModel(predictor.model.model, tile=tile, overlap=overlap)
            counts, objects, found = samples.task.counts(), objects_of(saved, samples), []
            seconds[share].append(timed(model, loader, saved, counts, objects if number == 0 else None, found))
            if number == 0:
                masks[share] = found
                scores[share] = counts.compute().iou, None if objects is None else objects.columns()["ap_50"]
    pixels, foreground = (sum(int(f(mask)) for mask in masks["1/2"]) for f in (np.size, np.count_nonzero))
    rows = []
    for share, overlap in overlaps.items():
        differing = sum(np.count_nonzero(one != other) for one, other in zip(masks[share], masks["1/2"], strict=True))
        tiles = sum(
            len(tile_starts(max(mask.shape[1], tile[0]), tile[0], overlap))
            * len(tile_starts(max(mask.shape[2], tile[1]), tile[1], overlap))
            for mask in masks[share]
        )
        iou, ap = scores[share]
        figures = [f"{iou:.4f}", "" if ap is None else f"{ap:.4f}", f"{differing / pixels:.3%}"]
        figures += [
            f"{100 * differing / max(1, foreground):.2f}",
            f"{tiles:,}",
            f"{statistics.median(seconds[share]):.1f}",
        ]
        rows.append([name, f"{share} ({overlap})", *figures])
    return rows


def objects_of(saved: SavedRun, samples: object) -> ObjectScores | None:
    """Returns a new scorer of the cells, if the task has cells and every image has a label map."""
    if saved.predictor.decoding is None or any(sample.labels is None for sample in samples.samples):
        return None
    labels = (samples.labels(index) for index in range(len(samples)))
    return ObjectScores(samples.task, labels, saved.predictor.decoding.how)


def timed(
    model: TiledModel, loader: object, saved: SavedRun, counts: object, objects: object, found: list[np.ndarray]
) -> float:
    """Scores the set, appends the masks [K, H, W] bool to `found`, and returns the seconds of the model."""
    seconds, forward = 0.0, model.forward

    def measured(images: list[Tensor]) -> list[Tensor]:
        nonlocal seconds
        began = time.perf_counter()
        logits = forward(images)
        if saved.predictor.runtime.on_cuda:
            torch.cuda.synchronize()
        seconds += time.perf_counter() - began
        return logits

    decide = saved.predictor.task.decide
    model.forward = measured
    evaluate(
        model,
        loader,
        counts,
        runtime=saved.predictor.runtime,
        decide=decide,
        objects=objects,
        on_logits=lambda logits: found.append(decide(logits)[0].cpu().numpy()),
    )
    return seconds


if __name__ == "__main__":
    main()
