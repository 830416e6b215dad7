"""Scores a plain threshold, which a network has to beat.

    python -m benchmarks.scores.otsu inputs/demo

Prints the IoU of Otsu's threshold on the luminance of every image, pooled over a data folder of one class.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from datasets.folder.data_folder import list_folder, read_sample
from images.image_reader import ImageReader
from tasks.binary import Binary


def otsu_iou(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """Returns the pooled IoU of Otsu's threshold over pairs of (grey [H, W] uint8, mask [H, W] bool)."""
    hit = either = 0
    for grey, mask in pairs:
        found = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1] > 0
        hit += np.count_nonzero(found & mask)
        either += np.count_nonzero(found | mask)
    return hit / either


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    root = parser.parse_args().folder
    folder = list_folder(root, Binary)
    samples = (read_sample(sample, ImageReader(channels=1), folder.task.truth) for sample in folder.samples)
    iou = otsu_iou((image[..., 0], masks[..., 0] > 0) for image, masks in samples)
    print(f"{root}: Otsu's threshold scores IoU {iou:.4f}, pooled over {len(folder.samples)} images")


if __name__ == "__main__":
    main()
