"""The built-in data set, drawn by datasets/prepare/drawing.py.

python -m datasets.prepare.synthetic --out inputs/synthetic
python -m datasets.prepare.synthetic --out inputs/stains --classes 2
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from datasets.prepare.drawing import make_sample, make_stained
from datasets.prepare.layout import write_description, write_sample
from system.errors import ConfigError, run_script
from system.files import staged_folder

SIZES = (32, 2048)  # pixels: in a smaller image nuclei have no room; a larger one takes minutes to draw


def write_synthetic(out: Path, *, images: int = 80, size: int = 128, seed: int = 0, classes: int = 1) -> int:
    """Writes `images` samples of [size, size] to the new data folder `out`, and returns the number of nuclei in them.

    With two `classes` the masks overlap. Then there are no label maps, because in them a pixel belongs to one nucleus.

    Raises:
        ConfigError: a number is outside its range, or `out` is not empty.
    """
    if images < 1:
        raise ConfigError(f"--images is {images}: give 1 or more")
    if not SIZES[0] <= size <= SIZES[1]:
        raise ConfigError(f"--size is {size}: give {SIZES[0]} to {SIZES[1]} pixels")
    if classes not in (1, 2):
        raise ConfigError(f"--classes is {classes}: give 1 (nuclei) or 2 (two stains whose nuclei overlap)")
    if seed < 0:
        raise ConfigError(f"--seed is {seed}: give 0 or more")
    digests: dict[str, str] = {}
    objects = 0
    with staged_folder(out) as folder:
        for index in range(images):
            if classes == 1:
                image, labels = make_sample(seed, index, size=size)
                masks, drawn = {"nucleus": labels > 0}, int(labels.max())
            else:
                labels = None
                image, masks, drawn = make_stained(seed, index, size=size)
            objects += drawn
            digests |= write_sample(folder, f"synthetic_{index:03d}", image=image, masks=masks, labels=labels)
        write_description(
            folder,
            digests,
            classes=list(masks),
            source="drawn by datasets/prepare/synthetic.py",
            licence="CC0-1.0",
            notes={
                "images": images,
                "objects": objects,
                "size": size,
                "seed": seed,
                "made_with": {"numpy": np.__version__, "opencv": cv2.__version__},
            },
        )
    return objects


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m datasets.prepare.synthetic", description="Draws the built-in data set."
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to create, for example inputs/synthetic")
    parser.add_argument("--images", type=int, default=80, help="number of images, 1 or more (default: %(default)s)")
    size_help = f"height and width in pixels, {SIZES[0]} to {SIZES[1]} (default: %(default)s)"
    parser.add_argument("--size", type=int, default=128, help=size_help)
    parser.add_argument(
        "--seed", type=int, default=0, help="0 or more; another seed draws other images (default: %(default)s)"
    )
    classes_help = "2 draws two stains, red and green, whose nuclei overlap (default: %(default)s)"
    parser.add_argument("--classes", type=int, default=1, help=classes_help)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    given = parser.parse_args()
    objects = write_synthetic(given.out, images=given.images, size=given.size, seed=given.seed, classes=given.classes)
    print(f"{given.images} images with {objects} nuclei written to {given.out}")


if __name__ == "__main__":
    sys.exit(run_script(main))
