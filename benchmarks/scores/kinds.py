"""Divides a data folder by the kind of its images, to train without a kind and to score on it.

    python -m datasets.prepare dsb2018 --source stage1_train.zip --out inputs/dsb2018
    python -m benchmarks.scores.kinds inputs/dsb2018 --kind coloured --out inputs/stained --rest inputs/unstained
    python train.py --config configs/small.yaml name=unstained data.root=inputs/unstained
    python val.py --run outputs/unstained --data inputs/stained

A kind is what `datasets.check` prints, such as "grey on dark, 256 px"; --kind is its beginning. Images and label maps
are copied. Beside each folder, such as inputs/stained, lies a split file of the source, inputs/stained.csv: the images
of the folder validate, and the others train.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from datasets.grouping.views import kind_of
from datasets.split import split_to_csv
from images.reading import read_image

FOLDERS = ("images", "labels")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="data folder with images and label maps of the same names")
    parser.add_argument("--kind", required=True, help="the beginning of a kind, such as coloured")
    parser.add_argument("--out", type=Path, required=True, help="new data folder for the images of this kind")
    parser.add_argument("--rest", type=Path, required=True, help="new data folder for the others")
    given = parser.parse_args()
    inside, outside = divide(given.source, given.kind, given.out, given.rest)
    print(f"copied  {inside} images to {given.out} and {outside} to {given.rest}")


def divide(source: Path, kind: str, out: Path, rest: Path) -> tuple[int, int]:
    """Copies the images whose kind begins with `kind` to `out` and the others to `rest`; returns their numbers."""
    for root in (out, rest):
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True)
    roots = {}
    for path in sorted((source / "images").iterdir()):
        root = roots[path.stem] = out if kind_of(read_image(path)).startswith(kind) else rest
        for folder in FOLDERS:
            shutil.copy(source / folder / path.name, root / folder / path.name)
    for root in (out, rest):
        split = {sample: "val" if own == root else "train" for sample, own in roots.items()}
        root.with_name(f"{root.name}.csv").write_text(split_to_csv(split), encoding="utf-8")
    own = list(roots.values())
    return own.count(out), own.count(rest)


if __name__ == "__main__":
    main()
