"""Predicts the masks and cells of any images with a trained run. No masks, data set or split is needed.

python predict.py --run outputs/demo --input photo.tif --out outputs/photo
python predict.py --run outputs/demo --input folder other/*.png --out outputs/folder --threshold 0.4
python predict.py --run outputs/a outputs/b --tta --input folder --out outputs/together
"""

from __future__ import annotations

import argparse
import sys
import typing
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from system.command_line import fraction
from system.errors import DataError, run_script

if typing.TYPE_CHECKING:
    from inference.predictor import ImagePredictor


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Writes OUT/masks/<class>/<stem>.png and OUT/overlays/<stem>.png. If the task of the run has "
        "cells, it also writes OUT/labels/<stem>.tif, OUT/cells/<stem>.csv and OUT/images.csv."
    )
    run_help = "run folder, such as outputs/demo; the maps of several runs are averaged"
    parser.add_argument("--run", type=Path, nargs="+", required=True, help=run_help)
    input_help = "images, folders (with all their subfolders) or patterns"
    parser.add_argument("--input", nargs="+", required=True, help=input_help)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results; a rerun does what is missing")
    threshold_help = "a pixel belongs to a class above this probability (default: 0.5); multiclass runs have none"
    parser.add_argument("--threshold", type=partial(fraction, option="--threshold"), help=threshold_help)
    depth_help = "prune a UNet++ with deep supervision to this many levels, which is faster"
    parser.add_argument("--depth", type=int, metavar="1-4", help=depth_help)
    tta_help = "average over flips and, for square inputs, quarter turns, which takes up to eight times as long"
    parser.add_argument("--tta", action="store_true", help=tta_help)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    given = parser.parse_args()
    predict(given.run, given.input, given.out, threshold=given.threshold, depth=given.depth, tta=given.tta)


def predict(
    runs: Sequence[Path],
    inputs: Sequence[str],
    out: Path,
    *,
    threshold: float | None = None,
    depth: int | None = None,
    tta: bool = False,
) -> None:
    """Predicts every image that `inputs` name and that has no results in `out` yet.

    Raises:
        ConfigError: there is nothing to predict; two images have the same stem; a threshold is given for a multiclass
            run; the network does not have this depth; the runs cannot predict together; or `out` holds results of
            other runs, options or images.
        DataError: some images could not be read. All other images are done.
    """
    from tqdm import tqdm

    from images.reading import read_image
    from inference.outputs import PredictionFolder, find_images
    from saved_run import load_run

    images = find_images(inputs, out)
    predictor = load_run(*runs, depth=depth, tta=tta)
    threshold = predictor.task.checked_threshold(threshold)
    folder = PredictionFolder(out, predictor.task, cells=predictor.decoding is not None)
    options = ({} if depth is None else {"depth": depth}) | ({"tta": True} if tta else {})
    folder.require_same(**origin_of(runs, predictor), threshold=threshold, **options)
    folder.claim_stems(images)
    missing = [path for path in images if not folder.is_done(path.stem)]
    for run, member in zip(runs, predictor.members, strict=True):
        print(f"run     {run}, best.pth of epoch {member.epoch}, on {member.runtime}")
    if predictor.decoding:
        print(f"decode  {predictor.decoding.describe(epoch=predictor.members[0].epoch)}")
    print(f"images  {len(images)}, of which {len(images) - len(missing)} are done already", flush=True)

    failures = []
    for path in tqdm(missing, "predict", disable=None):
        try:
            image = read_image(path, max_pixels=predictor.reader.max_pixels)
        except DataError as error:
            failures.append(str(error))
            continue
        folder.write(path.stem, predictor.reader.convert(image), predictor.predict(image, threshold=threshold))
    cells = folder.write_summary([path.stem for path in images if folder.is_done(path.stem)])
    print(f"wrote   the results of {len(missing) - len(failures)} images to {out}")
    if cells is not None:
        print(f"cells   {cells:,} in {len(images) - len(failures)} images, see {out / 'images.csv'}")
    if failures:
        raise DataError("\n  ".join([f"{len(failures)} of {len(images)} images could not be used:", *failures]))


def origin_of(runs: Sequence[Path], predictor: ImagePredictor) -> dict[str, object]:
    """Returns what the results depend on besides the options: the weights, and how maps become cells."""
    from engine.runs.checkpoint_file import seal_of

    one = lambda values: values[0] if len(values) == 1 else values
    origin = {
        "run": one([str(run) for run in runs]),
        "weights": one([seal_of(run / "best.pth") for run in runs]),
        "epoch": one([member.epoch for member in predictor.members]),
    }
    return origin if predictor.decoding is None else origin | {"decode": asdict(predictor.decoding.how)}


if __name__ == "__main__":
    sys.exit(run_script(main))
