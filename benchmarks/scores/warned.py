"""Counts the warnings of predict.py about images that are unlike the training images: planted changes and others.

    python -m datasets.prepare dsb2018 --source stage1_train.zip --out inputs/dsb2018
    python -m benchmarks.scores.warned set --out inputs/fluorescence
    python train.py --config configs/dsb2018_cells.yaml name=fluorescence data.root=inputs/fluorescence \\
        data.val_fraction=0.3 train.epochs=4 train.workers=0
    python -m benchmarks.scores.warned measure --run outputs/fluorescence
    python -m benchmarks.scores.warned kinds

`set` copies images of one kind: grey ones of fluorescence with 256×256 or 520×696 pixels. `measure` predicts the
validation images of a run as they are and with each change, and H&E images, and prints a table. The limits of the
warnings come from the training images alone. The last line is the share of the processor time that the warnings take.
`kinds` trains no network: for each kind of images, 70 % of them are the training images, and the others are compared
with them by their pixels alone.
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from images.choosing import has_colour
from images.image_reader import ImageReader
from images.reading import decode_labels, read_bytes, read_image
from images.statistics.features import colour_statistics, pixel_statistics, windows_of
from images.statistics.table import ImageTable
from images.writing import encode_png
from inference.warnings.comparing import Comparison
from inference.warnings.counting import SEPARATOR
from inference.warnings.judging import BLURRED, CHANNELS, COLOURS, INVERTED, KINDS, MAGNIFICATION, Judge
from predict import predict

ROOT = Path(__file__).resolve().parents[2]
SIZES = ((256, 256), (520, 696))  # of the images of one kind
SIGMA = 4  # pixels, of the blur


def scaled(factor: float, interpolation: int) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function that changes the magnification of an image."""
    return lambda image: cv2.resize(image, None, fx=factor, fy=factor, interpolation=interpolation)


# Name → the change, and the kinds of warnings that name it.
CHANGES = {
    "as they are": (lambda image: image, ()),
    "magnification × ½ (area)": (scaled(0.5, cv2.INTER_AREA), (MAGNIFICATION,)),
    "magnification × 2 (bilinear)": (scaled(2, cv2.INTER_LINEAR), (MAGNIFICATION,)),
    "magnification × 2 (bicubic)": (scaled(2, cv2.INTER_CUBIC), (MAGNIFICATION,)),
    f"blur, σ {SIGMA} pixels": (lambda image: cv2.GaussianBlur(image, (0, 0), SIGMA), (BLURRED,)),
    "inverted": (lambda image: 255 - image, (INVERTED,)),
}
OF_H_AND_E = (CHANNELS, COLOURS)
GREY, RGB = ImageReader(1, "image"), ImageReader(3)  # as configs/dsb2018_cells.yaml reads grey sets, and as it is
# Name of a kind → which images it has, and how a run on them reads them.
OF_ONE_KIND = {
    "fluorescence 256×256": (lambda image: image.shape[:2] == (256, 256) and not has_colour(image), GREY),
    "fluorescence 360×360": (lambda image: image.shape[:2] == (360, 360) and not has_colour(image), GREY),
    "fluorescence 520×696": (lambda image: image.shape[:2] == (520, 696) and not has_colour(image), GREY),
    "H&E": (has_colour, RGB),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("set", "measure", "kinds"))
    parser.add_argument("--source", type=Path, default=ROOT / "inputs" / "dsb2018", help="default: inputs/dsb2018")
    parser.add_argument("--out", type=Path, help="set: new data folder")
    parser.add_argument("--run", type=Path, help="measure: run folder")
    parser.add_argument("--images", type=int, default=1000, help="measure: most images of each row (default: all)")
    given = parser.parse_args()
    if {"set": given.out, "measure": given.run}.get(given.what, True) is None:
        parser.error("set needs --out, and measure needs --run")
    if given.what == "kinds":
        print(kinds_table(given.source, most=given.images))
    elif given.what == "set":
        print(f"{write_set(given.source, given.out)} images in {given.out}")
    else:
        print(measured(given.run, given.source, most=given.images))


def write_set(source: Path, out: Path) -> int:
    """Copies the images of one kind with their label maps, and returns their number."""
    count = 0
    for folder in ("images", "labels"):
        (out / folder).mkdir(parents=True)
    for path in sorted((source / "images").iterdir()):
        image, truth = read_image(path), source / "labels" / path.name
        if image.shape[:2] not in SIZES or has_colour(image):
            continue
        cells = decode_labels(read_bytes(truth), truth.name) > 0
        if cells.any() and image[cells].mean() > image[~cells].mean():
            shutil.copy(path, out / "images" / path.name)
            shutil.copy(truth, out / "labels" / path.name)
            count += 1
    return count


def measured(run: Path, source: Path, *, most: int) -> str:
    """Returns the table of a run."""
    rows = list(csv.DictReader((run / "split.csv").read_text(encoding="utf-8").splitlines()))
    held_out = [source / "images" / f"{row['id']}.png" for row in rows if row["split"] == "val"][:most]
    known = {row["id"] for row in rows}
    coloured = [path for path in sorted((source / "images").iterdir()) if path.stem not in known]
    lines = ["| images | number | warned | named | what the warnings say |", "|---|---|---|---|---|"]
    clock = Clock()
    for name, (change, kinds) in CHANGES.items():
        lines.append(row_of(name, run, held_out, change, kinds, clock))
    others = [path for path in coloured if has_colour(read_image(path))][:most]
    if others:
        lines.append(row_of("H&E", run, others, CHANGES["as they are"][0], OF_H_AND_E, clock))
    share = f"The comparison took {clock.share:.1%} of the processor time of predict.py."
    return "\n".join([*lines, "", share])


def kinds_table(source: Path, *, most: int) -> str:
    """Returns the table of all kinds, without a network."""
    images = {path: read_image(path) for path in sorted((source / "images").iterdir())}
    names = list(CHANGES)
    lines = ["| training images | compared | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for title, (fits, reader) in OF_ONE_KIND.items():
        paths = [path for path, image in images.items() if fits(image)]
        random.Random(7).shuffle(paths)
        known, others = paths[: round(0.7 * len(paths))], paths[round(0.7 * len(paths)) :][:most]
        judge = Judge(ImageTable.of_rows([described(images[path], reader) for path in known]))
        shares = []
        for change, _ in CHANGES.values():
            found = [judge.warnings(described(change(images[path]), reader)) for path in others]
            shares.append(f"{sum(map(bool, found)) / len(found):.0%}")
        lines.append(f"| {len(known)} {title} | {len(others)} | {' | '.join(shares)} |")
    return "\n".join(lines)


def described(stored: np.ndarray, reader: ImageReader) -> dict[str, float]:
    """Returns the statistics of the pixels of an image."""
    image, windows = reader.convert(stored), windows_of(stored.shape[:2])
    return pixel_statistics([image[window] for window in windows]) | colour_statistics([stored[one] for one in windows])


def row_of(
    name: str,
    run: Path,
    paths: Sequence[Path],
    change: Callable[[np.ndarray], np.ndarray],
    kinds: Sequence[str],
    clock: Clock,
) -> str:
    """Predicts changed images, and returns a line of the table: how many are warned, and by which kinds of warnings."""
    with TemporaryDirectory() as folder:
        inputs, out = Path(folder) / "in", Path(folder) / "out"
        inputs.mkdir()
        for path in paths:
            (inputs / path.name).write_bytes(encode_png(change(read_image(path))))
        with redirect_stdout(StringIO()), clock:
            predict([run], [str(inputs)], out)
        table = list(csv.DictReader((out / "images.csv").read_text(encoding="utf-8").splitlines()))
    found = [{text.partition(":")[0] for text in row["warnings"].split(SEPARATOR)} & set(KINDS) for row in table]
    said = Counter(kind for one in found for kind in one)
    warned, named = sum(map(bool, found)), sum(bool(one & set(kinds)) for one in found)
    words = ", ".join(f"{kind} {said[kind]}" for kind in KINDS if said[kind])
    shares = f"{warned / len(found):.1%} | {f'{named / len(found):.1%}' if kinds else ''}"
    return f"| {name} | {len(found)} | {shares} | {words} |"


class Clock:
    """Adds up the processor time of predictions, and that of the comparisons in them."""

    def __init__(self) -> None:
        self.whole = self.compared = 0.0

    @property
    def share(self) -> float:
        return self.compared / self.whole

    def __enter__(self) -> None:
        self._original, self._began = Comparison.warnings, time.process_time()

        def timed(comparison: Comparison, *given: object, **more: object) -> list[str]:
            began = time.thread_time()
            found = self._original(comparison, *given, **more)
            self.compared += time.thread_time() - began
            return found

        Comparison.warnings = timed

    def __exit__(self, *exception: object) -> None:
        Comparison.warnings = self._original
        self.whole += time.process_time() - self._began


if __name__ == "__main__":
    main()
