"""Predicts the masks and cells of any images with a trained run. No masks, data set or split is needed.

python predict.py --run outputs/demo --input photo.tif --out outputs/photo
python predict.py --run outputs/demo --input folder other/*.png --out outputs/folder --threshold 0.4
python predict.py --run outputs/a outputs/b --tta --input folder --out outputs/together
python predict.py --run outputs/demo --input folder --out outputs/folder --export roi geojson
"""

from __future__ import annotations

import argparse
import sys
import typing
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from inference.exports.formats import FORMATS as EXPORTS
from inference.exports.formats import HELP as EXPORT_HELP
from inference.exports.formats import require_packages
from system.command_line import fraction, micrometres
from system.errors import DataError, leave, run_script
from system.machine.process import settle_process

if typing.TYPE_CHECKING:
    from engine.distributed import Ranks
    from images.image_reader import ImageFile
    from inference.files.prediction_exports import PredictionExports
    from inference.predictor import ImagePredictor


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Writes OUT/masks/<class>/<id>.png and OUT/overlays/<id>.png. If the task of the run has cells, it "
        "also writes OUT/labels/<id>.tif, OUT/cells.csv with a row for each cell, and OUT/images.csv. The id of an "
        "image is its path below the input folder, without the extension."
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
    engine_help = "openvino predicts faster on a CPU; it needs pip install openvino (default: %(default)s)"
    parser.add_argument("--engine", choices=("torch", "openvino"), default="torch", help=engine_help)
    plane_help = "planes of stacks: z=3 (from 0), t=0,z=3, max (the brightest of z), each (OUT/…/<stem>/z003.png)"
    parser.add_argument("--plane", help=f"{plane_help} (default: data.plane of the run)")
    measure_help = "measure each cell, see docs/measurements.md (default: if the task of the run has cells)"
    parser.add_argument("--measure", action=argparse.BooleanOptionalAction, help=measure_help)
    size_help = "side of a pixel in µm, in place of what the files say, for the columns in µm and for densities"
    parser.add_argument("--pixel-size", type=partial(micrometres, option="--pixel-size"), metavar="UM", help=size_help)
    export_help = f"also write the cells for other tools: {EXPORT_HELP}"
    parser.add_argument("--export", nargs="+", choices=EXPORTS, default=[], metavar="FORMAT", help=export_help)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    given = parser.parse_args()
    predict(
        given.run,
        given.input,
        given.out,
        threshold=given.threshold,
        depth=given.depth,
        tta=given.tta,
        engine=given.engine,
        plane=given.plane,
        measure=given.measure,
        pixel_size=given.pixel_size,
        export=given.export,
    )


def predict(
    runs: Sequence[Path],
    inputs: Sequence[str],
    out: Path,
    *,
    threshold: float | None = None,
    depth: int | None = None,
    tta: bool = False,
    engine: str = "torch",
    plane: str | None = None,
    measure: bool | None = None,
    pixel_size: float | None = None,
    export: Sequence[str] = (),
) -> None:
    """Predicts every image that `inputs` name and that has no results in `out` yet.

    Raises:
        ConfigError: there is nothing to predict; there is no such plane; two images have the same id (see
            `inference.files.inputs`); a threshold is given for a multiclass run; the network does not have this depth;
            the runs cannot predict together; the engine cannot compute them here; cells shall be measured and the task
            has none; a format of `export` needs a package that is missing, or cells; or `out` holds results of other
            runs, options or images.
        DataError: some images could not be read. All other images are done. Among several processes only the last one
            to end raises this, for all.
    """
    from engine.distributed import Ranks
    from images.planes import parse_plane
    from inference.files.inputs import find_images
    from inference.files.outputs import PredictionFolder
    from inference.files.planes import images_of
    from inference.files.prediction_exports import PredictionExports
    from inference.pipeline.pipeline import Pipeline
    from inference.pipeline.prediction_stages import PredictionStages
    from inference.pipeline.shares import Share, own_cores, use_own_device
    from saved_run import load_run
    from system.progress_bar import progress_bar

    ranks = Ranks.of_torchrun()
    require_packages(export)
    found = find_images(inputs, out)
    if plane is not None:
        parse_plane(plane)  # a wrong one is refused before the run is loaded
    use_own_device(ranks)
    predictor = load_run(*runs, depth=depth, tta=tta, engine=engine)
    images = images_of(found.images, predictor.reader, plane)
    threshold = predictor.task.checked_threshold(threshold)
    if measure:
        predictor.require_cells()
    cells = predictor.decoding is not None
    folder = PredictionFolder(out, predictor.task, cells=cells, measures=measure is not False)
    exports = PredictionExports(folder, export, class_name=predictor.task.classes[0])
    options = ({} if depth is None else {"depth": depth}) | ({"tta": True} if tta else {})
    options |= {} if engine == "torch" else {"engine": engine}
    options |= {} if plane is None else {"plane": plane}
    options |= {} if pixel_size is None else {"pixel_size": pixel_size}
    folder.require_same(**origin_of(runs, predictor), threshold=threshold, **options)
    folder.note_exports(export)
    folder.claim(images)
    share = Share(images, folder, ranks, is_finished=exports.is_done)
    if ranks.is_first:
        announce(runs, predictor)
        print(f"images  {share}", flush=True)

    stages = PredictionStages(predictor, folder, threshold=threshold, pixel_size=pixel_size)
    with progress_bar(title="predict", total=len(share.missing), keep=True, hidden=not ranks.is_first) as bar:
        threads = stages.threads(cores=own_cores(ranks), images=len(share.missing))
        pipeline = Pipeline(stages, threads, advance=bar.update)
        failures = {image: str(error) for image, error in pipeline.run(share.missing)}
    cells = folder.write_summary([image.id for image in images])
    for sentence in predictor.reader.conversions(len(share.missing) - len(failures)):
        print(f"read    {sentence}")
    print(f"wrote   the results of {len(share.missing) - len(failures)} images to {out}", flush=True)
    failures |= write_exports(exports, share.images, ranks)
    everyones = share.failures_of_all(failures)
    if everyones is None:  # another process will fail for all of them; torchrun would end it if this one failed now
        if failures:
            print("\n  ".join([f"{len(failures)} images could not be used:", *failures.values()]), file=sys.stderr)
        return
    unwritten = exports.write_whole([image for image in images if image not in everyones])
    if cells is not None:
        print(f"cells   {cells:,} in {len(images) - len(everyones)} images, see {out / 'images.csv'}")
    if found.truth:
        print(found.truth_line(), flush=True)
    if found.skipped:
        print(found.skipped_line(), flush=True)
    if problems := [*map(str, found.refused), *everyones.values(), *unwritten]:
        named = len(images) + len(found.refused)
        raise DataError("\n  ".join([f"{len(problems)} of {named} images could not be used:", *problems]))


def write_exports(exports: PredictionExports, images: Sequence[ImageFile], ranks: Ranks) -> dict[ImageFile, str]:
    """Writes the files of other tools that these images lack, and returns why that failed, for each such image."""
    from inference.pipeline.shares import own_cores
    from system.progress_bar import progress_bar

    missing = exports.missing(images)
    if not missing:
        return {}
    with progress_bar(title="export", total=len(missing), keep=True, hidden=not ranks.is_first) as bar:
        failures = exports.write(missing, threads=own_cores(ranks), advance=bar.update)
    print(f"export  files of other tools for {len(missing) - len(failures)} images", flush=True)
    return {image: failures[image.id] for image in images if image.id in failures}


def announce(runs: Sequence[Path], predictor: ImagePredictor) -> None:
    """Prints which networks predict, and how their maps become cells."""
    for run, member in zip(runs, predictor.members, strict=True):
        print(f"run     {run}, best.pth of epoch {member.epoch}, on {member.runtime}")
    if predictor.decoding:
        print(f"decode  {predictor.decoding.describe(epoch=predictor.members[0].epoch)}")


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
    settle_process()  # before anything loads torch
    leave(run_script(main))
