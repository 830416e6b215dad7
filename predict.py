"""Predicts the masks of any images with a trained run. No masks, data set or split is needed.

python predict.py --run outputs/demo --input photo.tif --out outputs/photo
python predict.py --run outputs/demo --input folder other/*.png --out outputs/folder --threshold 0.4
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from system.command_line import fraction
from system.errors import DataError, run_script


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes OUT/masks/<class>/<stem>.png and OUT/overlays/<stem>.png.")
    parser.add_argument("--run", type=Path, required=True, help="run folder, such as outputs/demo")
    input_help = "images, folders (with all their subfolders) or patterns"
    parser.add_argument("--input", nargs="+", required=True, help=input_help)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results; a rerun does what is missing")
    threshold_help = "a pixel belongs to a class above this probability (default: 0.5); multiclass runs have none"
    parser.add_argument("--threshold", type=partial(fraction, option="--threshold"), help=threshold_help)
    depth_help = "prune a UNet++ with deep supervision to this many levels, which is faster"
    parser.add_argument("--depth", type=int, metavar="1-4", help=depth_help)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parser.parse_args()
    predict(arguments.run, arguments.input, arguments.out, threshold=arguments.threshold, depth=arguments.depth)


def predict(
    run: Path, inputs: Sequence[str], out: Path, *, threshold: float | None = None, depth: int | None = None
) -> None:
    """Predicts every image that `inputs` name and that has no results in `out` yet.

    Raises:
        ConfigError: there is nothing to predict; two images have the same stem; a threshold is given for a multiclass
            run; the network does not have this depth; or `out` holds results of another run, threshold, depth or image.
        DataError: some images could not be read. All other images are done.
    """
    from tqdm import tqdm

    from engine.runs.checkpoint_file import seal_of
    from inference.outputs import PredictionFolder, find_images
    from saved_run import load_run

    images = find_images(inputs, out)
    predictor = load_run(run, depth=depth)
    threshold = predictor.task.checked_threshold(threshold)
    folder = PredictionFolder(out, predictor.task)
    pruned = {} if depth is None else {"depth": depth}
    made_with = {"run": str(run), "weights": seal_of(run / "best.pth"), "epoch": predictor.epoch}
    folder.require_same(**made_with, threshold=threshold, **pruned)
    folder.claim_stems(images)
    missing = [path for path in images if not folder.is_done(path.stem)]
    print(f"run     {run}, best.pth of epoch {predictor.epoch}, on {predictor.runtime}")
    print(f"images  {len(images)}, of which {len(images) - len(missing)} are done already", flush=True)

    failures = []
    for path in tqdm(missing, "predict", disable=None):
        try:
            image = predictor.reader.read(path)
        except DataError as error:
            failures.append(str(error))
            continue
        folder.write(path.stem, image, predictor.masks(image, threshold=threshold))
    print(f"wrote   masks and overlays of {len(missing) - len(failures)} images to {out}")
    if failures:
        raise DataError("\n  ".join([f"{len(failures)} of {len(images)} images could not be used:", *failures]))


if __name__ == "__main__":
    sys.exit(run_script(main))
