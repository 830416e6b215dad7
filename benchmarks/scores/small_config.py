"""Compares `python train.py data.root=…` with configs/my_images.yaml on fifty real images of one's own.

    python -m datasets.prepare dsb2018 --source stage1_train.zip --out inputs/dsb2018
    python -m benchmarks.scores.small_config --out DIR [--device cuda]

From the prepared Data Science Bowl it draws fifty images of one kind (520×696, fluorescent nuclei) and fifty of all
kinds up to 400 pixels a side, with their label maps named as Cellpose names them, and other images to score on. Each
configuration trains on each of the two sets. The scores are of the images that were in neither.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from images.reading import decode_labels, read_bytes, read_image
from metrics import InstanceCounts, SegmentationCounts
from saved_run import load_run

ROOT = Path(__file__).resolve().parents[2]
SETS = {  # name → (which sizes fit, how many images are scored)
    "real50": (lambda size: size == (520, 696), 40),
    "mixed50": (lambda size: max(size) <= 400, 100),
}
CONFIGURATIONS = {  # name → arguments of train.py besides data.root
    "data.root alone": [],
    "data.root and task=binary": ["task=binary"],
    "configs/my_images.yaml": ["--config", "configs/my_images.yaml"],
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scores.small_config", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--source", type=Path, default=ROOT / "inputs" / "dsb2018", help="default: inputs/dsb2018")
    parser.add_argument("--out", type=Path, required=True, help="new folder for the sets")
    parser.add_argument("--device", default="cpu", help="default: %(default)s")
    given = parser.parse_args()
    random.seed(1)
    sizes = {path: read_image(path).shape[:2] for path in sorted((given.source / "images").iterdir())}
    print("| set | configuration | task | IoU | AP .5 | count error | minutes |\n|---|---|---|---|---|---|---|")
    for name, (fits, scored) in SETS.items():
        images = [path for path, size in sizes.items() if fits(size)]
        chosen = random.sample(images, 50)
        others = [path for path in images if path not in chosen]
        others = others if len(others) == scored else random.sample(others, scored)
        write_set(given.out / name, given.source, chosen)
        for number, (title, arguments) in enumerate(CONFIGURATIONS.items()):
            run, minutes = train(given.out / name, arguments, name=f"{name}_{number}", device=given.device)
            print(f"| `{name}` | {title} | {score(run, given.source, others)} | {minutes:.1f} |", flush=True)


def write_set(root: Path, source: Path, chosen: Sequence[Path]) -> None:
    """Copies images, and beside each its label map as <image>_cp_masks.png."""
    (root / "images").mkdir(parents=True)
    for number, path in enumerate(chosen):
        shutil.copy(path, root / "images" / f"sample {number:02d}.png")
        shutil.copy(source / "labels" / path.name, root / "images" / f"sample {number:02d}_cp_masks.png")


def train(root: Path, arguments: Sequence[str], *, name: str, device: str) -> tuple[Path, float]:
    """Trains, and returns the run folder and the minutes that it took."""
    command = [sys.executable, "train.py", *arguments, f"data.root={root.resolve()}", f"name={name}", "--fresh"]
    started = time.monotonic()
    subprocess.run([*command, f"train.device={device}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return ROOT / "outputs" / name, (time.monotonic() - started) / 60


def score(run: Path, source: Path, images: Sequence[Path]) -> str:
    """Returns cells of a table: task, IoU pooled over the images, AP at .5 and the count error of their cells."""
    predictor = load_run(run)
    pixels, objects = SegmentationCounts(), InstanceCounts()
    for path in images:
        truth = decode_labels(read_bytes(source / "labels" / path.name), path.name)
        found = predictor.predict(path)
        pixels.update(torch.from_numpy(found.masks[None]), torch.from_numpy(truth > 0)[None, None].float())
        objects.update(truth, found.objects.labels)
    scores = objects.compute()
    task = type(predictor.task).__name__.lower()
    return f"{task} | {pixels.compute().iou:.4f} | {scores['ap_50']:.3f} | {scores['count_error']:.1%}"


if __name__ == "__main__":
    main()
