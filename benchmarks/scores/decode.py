"""What a decoder can reach: true label maps → targets → decoded again, scored against themselves.

    python -m benchmarks.scores.decode inputs/dsb2018 [--images 100]

Prints AP at .5, .7 and .9, pooled over the label maps of a data folder, and the time of each decoder. A network cannot
score higher than its decoder does on perfect maps.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from images.reading import decode_labels, read_bytes
from inference.cells.decoding import decode, decoding_by
from metrics import InstanceCounts
from tasks.border import border_map
from tasks.distance_maps import distance_map
from tasks.task import DEFAULTS

SECOND = {  # method → its second map, made from the true labels
    "components": np.zeros_like,
    "watershed": np.zeros_like,
    "border": lambda labels: border_map(labels, DEFAULTS.border_radius),
    "distance": distance_map,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="data folder with labels/")
    parser.add_argument("--images", type=int, help="only so many, evenly spread over the sorted files")
    arguments = parser.parse_args()
    files = sorted((arguments.folder / "labels").iterdir())
    if arguments.images:
        files = [files[k] for k in np.linspace(0, len(files) - 1, arguments.images).astype(int)]
    counts, seconds, pixels = {name: InstanceCounts() for name in SECOND}, dict.fromkeys(SECOND, 0.0), 0
    for path in files:
        labels = decode_labels(read_bytes(path), str(path))
        pixels += labels.size
        for name, second in SECOND.items():
            maps = np.stack([labels > 0, second(labels)]).astype(np.float32)
            started = time.perf_counter()
            objects = decode(maps, decoding_by(name))
            seconds[name] += time.perf_counter() - started
            counts[name].update(labels, objects.labels)
    objects = sum(image.true for image in counts["distance"].images)
    print(f"{arguments.folder}: {len(files)} label maps, {objects:,} objects, {pixels / 1e6:.1f} megapixels\n")
    print("| decoder | AP .5 | AP .7 | AP .9 | ms per megapixel |\n|---|---|---|---|---|")
    for name in SECOND:
        scores = counts[name].compute()
        aps = " | ".join(f"{scores[f'ap_{t}']:.3f}" for t in (50, 70, 90))
        print(f"| {name} | {aps} | {seconds[name] / pixels * 1e9:.0f} |")


if __name__ == "__main__":
    main()
