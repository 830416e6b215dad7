"""Scores a run and writes its predicted masks and cells. Everything comes from the run folder, or from other data.

python val.py --run outputs/demo
python val.py --run outputs/demo --tune
python val.py --run outputs/demo --split all --threshold 0.4
python val.py --run pretrained/nuclei --data inputs/my_images
"""

from __future__ import annotations

import argparse
import sys
import typing
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from report.drawing import draw_page
from system.command_line import fraction, list_of_channels
from system.errors import ConfigError, DataError, run_script
from system.machine.process import settle_process

if typing.TYPE_CHECKING:
    from datasets.samples import Samples
    from engine.schema.config import Config

ROOT = Path(__file__).resolve().parent  # paths in a configuration are relative to it


def main() -> None:
    parser = argparse.ArgumentParser(description="Scores a run's best.pth; the results land in <run>/<split>/.")
    parser.add_argument("--run", type=Path, required=True, help="run folder, such as outputs/demo, or ready model")
    split_help = "the part that is scored (default: val); test is there if the split has such a part"
    parser.add_argument("--split", choices=("val", "train", "test", "all"), help=split_help)
    data_help = "score all images of another data folder; the results land in outputs/<run>_on_<folder>/all/"
    parser.add_argument("--data", type=Path, metavar="FOLDER", help=data_help)
    channels_help = 'with --data: channels to take from each file, such as "[1]" (from 0) or "[DAPI]"'
    parser.add_argument("--channels", type=partial(list_of_channels, option="--channels"), help=channels_help)
    threshold_help = "a pixel belongs to a class above this probability (default: 0.5); multiclass runs have none"
    parser.add_argument("--threshold", type=partial(fraction, option="--threshold"), help=threshold_help)
    tune_help = "first choose the parameters of decoding by the cells of the validation part, for <run>/decode.yaml"
    parser.add_argument("--tune", action="store_true", help=tune_help)
    parser.add_argument("--tta", action="store_true", help="average over flips and, for squares, quarter turns")
    parser.add_argument("--no-report", action="store_true", help="do not draw report.html")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parser.parse_args()
    if arguments.data is not None and (arguments.split or arguments.tune):
        raise ConfigError("--data scores all images of a folder; --split and --tune belong to the data of a run")
    if arguments.channels is not None and arguments.data is None:
        raise ConfigError("--channels is for --data; the data of a run are read as it was trained")
    if arguments.tune:
        tune(arguments.run, tta=arguments.tta)
    validate(
        arguments.run,
        part=arguments.split or "val",
        data=arguments.data,
        channels=arguments.channels,
        threshold=arguments.threshold,
        tta=arguments.tta,
        page=not arguments.no_report,
    )


def tune(run_path: Path, *, tta: bool = False) -> Path:
    """Chooses the parameters of decoding by the cells of the validation part, and returns the file that it writes.

    Raises:
        ConfigError: the task of the run has no cells.
        DataError: the data folder has no label maps.
    """
    from tempfile import TemporaryDirectory

    from assemble import own_data
    from engine.loops import evaluate
    from inference.cells.decode_file import NAME, ChosenDecoding, write_decoding
    from inference.cells.tuning import StoredMaps, tuned
    from saved_run import open_run

    saved = open_run(run_path, tta=tta)
    predictor, start = saved.predictor, saved.predictor.require_cells().how
    samples, loader, _ = own_data(saved, "val", ROOT)
    if without := [sample.id for sample in samples.samples if sample.labels is None]:
        raise DataError(f"{saved.config.data.root}: --tune needs label maps, such as labels/{without[0]}.png")
    with TemporaryDirectory() as folder:
        images = StoredMaps(Path(folder), samples.task, partial(samples.labels, at_file_size=True))
        evaluate(
            predictor.model,
            loader,
            samples.task.counts(),
            runtime=predictor.runtime,
            decide=samples.task.decide,
            on_logits=images.add,
        )
        best, found, before = tuned(images, start)
    path = saved.folder.path / NAME
    chosen = ChosenDecoding(best, tuned_on="val", epoch=predictor.epoch)
    write_decoding(path, chosen, scores={"mean_ap": found, "mean_ap_before": before})
    print(f"tuned   {best}\n        mean AP .50 to .95 on the validation part {before:.4f} → {found:.4f}; wrote {path}")
    return path


def validate(
    run_path: Path,
    *,
    part: str = "val",
    data: Path | None = None,
    channels: Sequence[int | str] | None = None,
    threshold: float | None = None,
    tta: bool = False,
    page: bool = True,
) -> Path:
    """Scores `best.pth` of a run, or a ready model, and returns the folder of the results.

    Args:
        part: of the run's own data.
        data: another data folder, all images of which are scored in place of the run's own data.
        channels: numbers (from 0) or names of those that are taken from its images; None: as the run reads.
        page: whether report.html is drawn, too.
    """
    from assemble import other_data, own_data, results_of
    from engine.loops import evaluate
    from engine.runs.checkpoint_file import seal_of
    from inference.files.score_report import ScoreReport
    from inference.files.summary import command_of, environment_of
    from saved_run import open_run
    from system.machine.crowding import Courtesy

    saved = open_run(run_path, tta=tta, channels=channels)
    run, predictor = saved.folder, saved.predictor
    print(f"run     {run.path}, {run.weights.name} of epoch {predictor.epoch}, on {predictor.runtime}")
    if part == "val" and data is None:
        print_differences(saved.config)
    threshold = predictor.task.checked_threshold(threshold)
    part = part if data is None else "all"
    command = command_of(run.path, part=part, data=data, channels=channels, threshold=threshold, tta=tta)
    if data is None:
        samples, loader, identity = own_data(saved, part, ROOT)
    else:
        samples, loader, identity = other_data(saved.config, predictor, data)
    decide, decoding = partial(samples.task.decide, threshold=threshold), predictor.decoding
    if decoding:
        print(f"decode  {decoding.describe(epoch=predictor.epoch)}")
        decoding = decoding if data is None else replace(decoding, tuned_on=None)

    network_size, outputs = samples.task.counts(), ROOT / "outputs"
    with results_of(run, data, config=saved.config, part=part, outputs=outputs) as (place, results), Courtesy():
        report = ScoreReport(results, samples, decide=decide, decoding=decoding and decoding.how)
        evaluate(predictor.model, loader, network_size, runtime=predictor.runtime, decide=decide, on_logits=report.add)
        report.finish(network_size.table())
        report.write_summary(
            run=str(run.path),
            epoch=predictor.epoch,
            part=part,
            threshold=threshold,
            decoding=decoding,
            weights=seal_of(run.weights),
            data=identity,
            environment=environment_of(predictor.runtime),
            command=command,
        )
    print(report.described(network_size))
    if report.objects and decoding.tuned_on and part in (decoding.tuned_on, "all"):
        print("        the decoding was tuned on images that are scored here, so these scores are too high")
    print(f"wrote   {place.path / part}: {', '.join(report.contents)}", flush=True)
    if page:
        draw_page(place.path, partial(run_page, place.path, samples, part))
    return place.path / part


def print_differences(config: Config) -> None:
    """Prints why the scores of a run's own validation images may differ a little from those of log.csv, if they may."""
    as_trained = config.data  # auto is that of runs which are older than these keys
    if as_trained.val_overlap not in ("auto", as_trained.overlap) or as_trained.val_images not in ("auto", None):
        images = "all" if as_trained.val_images in ("auto", None) else as_trained.val_images
        tiles = f", in tiles that overlap by {as_trained.val_overlap} pixels" if as_trained.tile else ""
        print(f"log     log.csv has the scores of {images} validation images{tiles}, which differ a little")


def run_page(run: Path, samples: Samples, part: str) -> tuple[Path, int]:
    """Writes the page of the results, and returns its path and its size in bytes."""
    from report.run_page import page_path, write_run_page

    return page_path(run, part), write_run_page(run, samples, part=part)


if __name__ == "__main__":
    settle_process()  # before anything loads torch
    sys.exit(run_script(main))
