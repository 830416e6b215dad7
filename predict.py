"""Predicts the masks and cells of any images with a trained run. No masks, data set or split is needed.

python predict.py --run outputs/demo --input photo.tif --out outputs/photo
python predict.py --run outputs/demo --input folder other/*.png --out outputs/folder --threshold 0.4
python predict.py --run outputs/a outputs/b --tta --input folder --out outputs/together
python predict.py --run outputs/demo --input folder --out outputs/folder --export roi geojson
python predict.py --run pretrained/nuclei --input folder --out outputs/folder
"""

from __future__ import annotations

import argparse
import shlex
import sys
import typing
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from inference.options import ENGINES, USUAL, PredictionOptions
from inference.other_tools.formats import FORMATS as EXPORTS
from inference.other_tools.formats import HELP as EXPORT_HELP
from inference.other_tools.formats import require_packages
from report.drawing import draw_page
from system.command_line import fraction, list_of_channels, micrometres, output_folder
from system.errors import DataError, leave, run_script
from system.machine.process import settle_process
from system.names import shown

if typing.TYPE_CHECKING:
    from images.image_reader import ImageFile, ImageReader
    from inference.files.inputs import FoundImages
    from inference.pipeline.running import Failures
    from inference.pipeline.shares import Share


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Writes OUT/masks/<class>/<id>.png and OUT/overlays/<id>.png. If the task of the run has cells, it "
        "also writes OUT/labels/<id>.tif, OUT/cells.csv with a row for each cell, and OUT/images.csv. OUT/report.html "
        "shows all of it on one page. The id of an image is its path below the input folder, without the extension."
    )
    run_help = "run folder, such as outputs/demo, or ready model; the maps of several are averaged"
    parser.add_argument("--run", type=Path, nargs="+", required=True, help=run_help)
    input_help = "images, folders (with all their subfolders) or patterns"
    parser.add_argument("--input", nargs="+", required=True, help=input_help)
    out_help = "folder of the results; a rerun does what is missing"
    parser.add_argument("--out", type=output_folder, required=True, help=out_help)
    threshold_help = "a pixel belongs to a class above this probability (default: 0.5); multiclass runs have none"
    parser.add_argument("--threshold", type=partial(fraction, option="--threshold"), help=threshold_help)
    depth_help = "prune a UNet++ with deep supervision to this many levels, which is faster"
    parser.add_argument("--depth", type=int, metavar="1-4", help=depth_help)
    tta_help = "average over flips and, for square inputs, quarter turns, which takes up to eight times as long"
    parser.add_argument("--tta", action="store_true", help=tta_help)
    engine_help = "faster on a CPU, after pip install openvino; int8 in integers of 8 bits (default: %(default)s)"
    parser.add_argument("--engine", choices=ENGINES, default="torch", help=engine_help)
    plane_help = "planes of stacks: z=3 (from 0), t=0,z=3, max (the brightest of z), each (OUT/…/<stem>/z003.png)"
    parser.add_argument("--plane", help=f"{plane_help} (default: data.plane of the run)")
    channels_help = 'channels to take from each file, such as "[1]" (from 0) or "[DAPI]" (default: as the run reads)'
    parser.add_argument("--channels", type=partial(list_of_channels, option="--channels"), help=channels_help)
    measure_help = "measure each cell, see docs/measurements.md (default: if the task of the run has cells)"
    parser.add_argument("--measure", action=argparse.BooleanOptionalAction, help=measure_help)
    size_help = "side of a pixel in µm, in place of what the files say, for the columns in µm and for densities"
    parser.add_argument("--pixel-size", type=partial(micrometres, option="--pixel-size"), metavar="UM", help=size_help)
    export_help = f"also write the cells for other tools: {EXPORT_HELP}"
    parser.add_argument("--export", nargs="+", choices=EXPORTS, default=[], metavar="FORMAT", help=export_help)
    parser.add_argument("--no-report", action="store_true", help="do not draw OUT/report.html")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    given = parser.parse_args()
    options = PredictionOptions(
        threshold=given.threshold,
        depth=given.depth,
        tta=given.tta,
        engine=given.engine,
        plane=given.plane,
        channels=given.channels,
        pixel_size=given.pixel_size,
    )
    predict(
        given.run,
        given.input,
        given.out,
        options,
        measure=given.measure,
        export=given.export,
        page=not given.no_report,
        command=shlex.join(["python", "predict.py", *sys.argv[1:]]),
    )


def predict(
    runs: Sequence[Path],
    inputs: Sequence[str],
    out: Path,
    options: PredictionOptions = USUAL,
    *,
    measure: bool | None = None,
    export: Sequence[str] = (),
    page: bool = True,
    command: str = "",
) -> None:
    """Predicts every image that `inputs` name and that has no results in `out` yet.

    Args:
        measure: whether each cell is measured; None if the task has cells.
        export: formats of other tools, see `inference.other_tools.formats`.
        page: whether report.html is drawn at the end; among several processes the last one to end draws it.
        command: the command line, which is noted for people.

    Raises:
        ConfigError: there is nothing to predict; there is no such plane; two images have the same id (see
            `inference.files.inputs`); a threshold is given for a multiclass run; the network does not have this depth;
            the runs cannot predict together; the engine cannot compute them here; cells shall be measured and the task
            has none; a format of `export` needs a package that is missing, or cells; or `out` holds results of other
            runs, options or images.
        DataError: some images could not be read. All other images are done. Among several processes only the last one
            to end raises this, for all.
    """
    from assemble.predictions import comparison_of, described, origin_of, prediction_folder
    from engine.distributed import Ranks
    from images.planes import parse_plane
    from inference.files.inputs import find_images
    from inference.files.planes import images_of
    from inference.files.prediction_exports import PredictionExports
    from inference.pipeline.prediction_stages import PredictionStages
    from inference.pipeline.running import run_stages, write_exports
    from inference.pipeline.shares import Share, use_own_device
    from saved_run import load_run

    ranks = Ranks.of_torchrun()
    require_packages(export)
    found = find_images(inputs, out)
    if options.plane is not None:
        parse_plane(options.plane)  # a wrong one is refused before the run is loaded
    use_own_device(ranks)
    predictor = load_run(*runs, depth=options.depth, tta=options.tta, engine=options.engine, channels=options.channels)
    options = replace(options, threshold=predictor.task.checked_threshold(options.threshold))
    images, comparison = images_of(found.images, predictor.reader, options.plane), comparison_of(predictor)
    folder = prediction_folder(out, predictor, measure=measure, warns=comparison is not None)
    exports = PredictionExports(folder, export, class_name=predictor.task.classes[0])
    folder.require_same(**origin_of(runs, predictor), **options.noted())
    folder.note(exports=export, command=shown(command))
    folder.claim(images)
    share = Share(images, folder, ranks, is_finished=exports.is_done)
    if ranks.is_first:
        print(f"{described(runs, predictor)}\nimages  {share}", flush=True)
    stages = PredictionStages(
        predictor, folder, threshold=options.threshold, pixel_size=options.pixel_size, comparison=comparison
    )
    failures = run_stages(stages, share, ranks)
    cells = folder.write_summary([image.id for image in images])
    print_done(share, failures, predictor.reader, out)
    failures |= write_exports(exports, share.images, ranks)
    everyones = share.failures_of_all(failures)
    if everyones is None:  # another process will fail for all of them; torchrun would end it if this one failed now
        print_failures(failures)
        return
    usable = [image for image in images if image not in everyones]
    unwritten = exports.write_whole(usable)
    if usable:
        print_cells(cells, usable, out)
        print_warned(out / "images.csv" if comparison is not None else None, runs[0])
        if page:
            draw_page(out, partial(prediction_page, out))
    print_left_out(found)
    require_all(found, images, everyones, unwritten)


def print_done(share: Share, failures: Failures, reader: ImageReader, out: Path) -> None:
    """Prints how many images of this process were predicted, and how their pixels were converted."""
    done = len(share.missing) - len(failures)
    for sentence in reader.conversions(done):
        print(f"read    {sentence}")
    if done or not failures:
        print(f"wrote   the results of {done} images to {shown(str(out))}", flush=True)


def print_cells(cells: int | None, images: Sequence[ImageFile], out: Path) -> None:
    """Prints how many cells these images have, if the task of the run has cells."""
    from inference.files.planes import planes_line

    if cells is not None:
        print(f"cells   {cells:,} in {len(images)} images, see {shown(str(out / 'images.csv'))}")
        if repeated := planes_line(image.path for image in images):
            print(f"        {repeated}")


def print_failures(failures: Failures) -> None:
    """Prints which images of this process could not be used, if there are some."""
    if failures:
        print("\n  ".join([f"{len(failures)} images could not be used:", *failures.values()]), file=sys.stderr)


def require_all(found: FoundImages, images: Sequence[ImageFile], failures: Failures, unwritten: Sequence[str]) -> None:
    """Raises DataError if some images could not be used; all others are done.

    Args:
        found: what the inputs name, with the images that are refused for their names.
        images: those that were predicted.
        failures: why some of them could not be used; a reason that all of them share is printed once.
        unwritten: what went wrong with files that belong to all images.
    """
    lines, reasons = list(failures.values()), {text.removeprefix(f"{image}: ") for image, text in failures.items()}
    refused = [*map(str, found.refused), *unwritten]
    if not lines and not refused:
        return
    counted = f"{len(lines) + len(refused)} of {len(images) + len(found.refused)} images could not be used"
    if 1 == len(reasons) < len(lines) == len(images) and not refused:
        counted, lines = f"{counted}, all for one reason", lines[:1]
    raise DataError("\n  ".join([f"{counted}:", *refused, *lines]))


def print_left_out(found: FoundImages) -> None:
    """Prints which files of the input are no images, or are truth that lies beside its image."""
    if found.truth:
        print(found.truth_line(), flush=True)
    if found.skipped:
        print(found.skipped_line(), flush=True)


def prediction_page(out: Path) -> tuple[Path, int]:
    """Writes the page of the results, and returns its path and its size in bytes."""
    from report.prediction_page import page_path, write_prediction_page

    return page_path(out), write_prediction_page(out)


def print_warned(table: Path | None, run: Path) -> None:
    """Prints how many images have a warning in images.csv; without a table, why the run compares none."""
    from inference.warnings.counting import warned_line

    if table is not None:
        print(f"warned  {warned_line(table)}", flush=True)
        return
    missing = f"{run} has no statistics of its training images, so that no image is compared with them"
    print(f"warned  none: {missing}; python -m datasets.statistics --run {run} adds them", flush=True)


if __name__ == "__main__":
    settle_process()  # before anything loads torch
    leave(run_script(main))
