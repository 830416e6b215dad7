"""Measures the tiling alone, against MONAI's sliding window: the network for a large image costs nothing.

Each of the two runs in a process of its own, because peak memory belongs to a process:

    python -m benchmarks.speed.tile ours|monai SIDE
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.speed.limits import Limits
from benchmarks.speed.peak import peak_memory, resident_memory, run_alone
from benchmarks.speed.rows import Row
from benchmarks.speed.settings import Settings

TILE, OVERLAP, TURNS = 256, 128, 2


def tile_rows(settings: Settings, _limits: Limits) -> list[Row]:
    if not find_spec("monai"):
        return [Row("tiling", "", "not measured: pip install monai", "", "")]
    measured = {"ours": [], "monai": []}
    for _ in range(TURNS):
        for side, results in measured.items():
            results.append(run_alone("benchmarks.speed.tile", side, settings.side))
    memory, seconds = (
        {side: statistics.median(result[key] for result in results) for side, results in measured.items()}
        for key in ("memory", "seconds")
    )
    work = f"tiling {settings.side}×{settings.side}, tiles of {TILE}, overlap {OVERLAP}"
    rows = []
    for label, values, unit, asked in (
        ("extra memory above the uint8 image", memory, "MiB", "≤ 0.1"),
        ("overhead: seconds with a network that costs nothing", seconds, "s", "≤ 0.8"),
    ):
        ours, other = (f"{values[side]:,.1f} {unit}" for side in ("ours", "monai"))
        ratio = f"{values['ours'] / values['monai']:.3f}"
        rows.append(Row(f"{work}: {label}", asked, ratio, ours, f"MONAI sliding_window_inference: {other}"))
    return rows


class FirstChannel(nn.Module):
    """A network that costs nothing: [N, C, H, W] → [N, 1, H, W]."""

    def forward(self, images: Tensor) -> Tensor:
        return images[:, :1]


def main() -> None:
    path, side = sys.argv[1], int(sys.argv[2])
    from images.normalise import IMAGENET
    from inference.tiling import TiledModel
    from tasks.binary import Binary

    piece = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    image = np.tile(piece, (side // 256, side // 256, 1))
    network, decide = FirstChannel(), Binary(("cell",)).decide
    if path == "monai":
        from monai.inferers import sliding_window_inference
    before, started = resident_memory(), time.perf_counter()
    with torch.inference_mode():
        if path == "ours":  # this is what `Predictor.masks` does
            model = TiledModel(network, tile=(TILE, TILE), overlap=OVERLAP)
            strips = model.strips(torch.from_numpy(image).permute(2, 0, 1), device="cpu", prepare=IMAGENET.planes)
            masks = np.concatenate([decide(strip[None])[0].numpy() for strip in strips], axis=1)
        else:
            logits = sliding_window_inference(
                IMAGENET(image)[None], (TILE, TILE), 4, network, overlap=OVERLAP / TILE, mode="gaussian"
            )
            masks = decide(logits)[0].numpy()
    seconds = time.perf_counter() - started
    assert masks.shape == (1, side, side)
    print(json.dumps({"memory": peak_memory() - before, "seconds": seconds}))


if __name__ == "__main__":
    main()
