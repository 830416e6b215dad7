"""What a decoder can reach: true label maps → targets → decoded again, scored against themselves.

    python -m benchmarks.decode inputs/dsb2018 [--images 100]

Prints AP at .5, .7 and .9, pooled over the label maps of a data folder, and the time of each decoder. A network cannot
score higher than its decoder does on perfect maps.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from images.reading import decode_labels, read_bytes
from inference.decoding import Decoding, Objects, decode_border, decode_components, decode_distance, decode_mask
from metrics import InstanceCounts
from tasks.border import border_classes
from tasks.distance_maps import distance_map

HOW = Decoding()


def of_distance(labels: np.ndarray, foreground: np.ndarray) -> Callable[[], Objects]:
    distance = distance_map(labels)
    return lambda: decode_distance(foreground, distance, HOW)


def of_border(labels: np.ndarray, foreground: np.ndarray) -> Callable[[], Objects]:
    border = (border_classes(labels, 2.5) == 2).astype(np.float32)
    return lambda: decode_border(foreground, border, Decoding(seed_threshold=0.5))


DECODERS = {
    "components": lambda labels, foreground: lambda: decode_components(foreground, HOW),
    "watershed on the mask": lambda labels, foreground: lambda: decode_mask(foreground, HOW),
    "border, radius 2.5": of_border,
    "distance": of_distance,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="data folder with labels/")
    parser.add_argument("--images", type=int, help="only so many, evenly spread over the sorted files")
    arguments = parser.parse_args()
    files = sorted((arguments.folder / "labels").iterdir())
    if arguments.images:
        files = [files[k] for k in np.linspace(0, len(files) - 1, arguments.images).astype(int)]
    counts, seconds, pixels = {name: InstanceCounts() for name in DECODERS}, dict.fromkeys(DECODERS, 0.0), 0
    for path in files:
        labels = decode_labels(read_bytes(path), str(path))
        foreground = (labels > 0).astype(np.float32)
        pixels += labels.size
        for name, prepare in DECODERS.items():
            decode = prepare(labels, foreground)
            started = time.perf_counter()
            objects = decode()
            seconds[name] += time.perf_counter() - started
            counts[name].update(labels, objects.labels)
    objects = sum(image.true for image in counts["distance"].images)
    print(f"{arguments.folder}: {len(files)} label maps, {objects:,} objects, {pixels / 1e6:.1f} megapixels\n")
    print("| decoder | AP .5 | AP .7 | AP .9 | ms per megapixel |\n|---|---|---|---|---|")
    for name in DECODERS:
        scores = counts[name].compute()
        aps = " | ".join(f"{scores[f'ap_{t}']:.3f}" for t in (50, 70, 90))
        print(f"| {name} | {aps} | {seconds[name] / pixels * 1e9:.0f} |")


if __name__ == "__main__":
    main()
