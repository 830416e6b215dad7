"""Scores a run and writes its predicted masks and cells. Everything comes from the run folder.

python val.py --run outputs/demo
python val.py --run outputs/demo --tune
python val.py --run outputs/demo --split all --threshold 0.4
"""

from __future__ import annotations

import argparse
import platform
import shlex
import sys
import typing
from functools import partial
from pathlib import Path

from system.command_line import fraction
from system.errors import DataError, run_script
from system.machine.process import settle_process

if typing.TYPE_CHECKING:
    from torch.utils.data import DataLoader

    from datasets.samples import Samples
    from engine.device import Runtime
    from saved_run import SavedRun

ROOT = Path(__file__).resolve().parent  # paths in a configuration are relative to it


def main() -> None:
    parser = argparse.ArgumentParser(description="Scores a run's best.pth; the results land in <run>/<split>/.")
    parser.add_argument("--run", type=Path, required=True, help="run folder, such as outputs/demo")
    parser.add_argument("--split", choices=("val", "train", "all"), default="val", help="default: %(default)s")
    threshold_help = "a pixel belongs to a class above this probability (default: 0.5); multiclass runs have none"
    parser.add_argument("--threshold", type=partial(fraction, option="--threshold"), help=threshold_help)
    tune_help = "first choose the parameters of decoding by the cells of the validation part, for <run>/decode.yaml"
    parser.add_argument("--tune", action="store_true", help=tune_help)
    parser.add_argument("--tta", action="store_true", help="average over flips and, for squares, quarter turns")
    parser.add_argument("--no-report", action="store_true", help="do not draw report.html")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parser.parse_args()
    if arguments.tune:
        tune(arguments.run, tta=arguments.tta)
    validate(
        arguments.run,
        part=arguments.split,
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

    from engine.loops import evaluate
    from inference.cells.decode_file import NAME, ChosenDecoding, write_decoding
    from inference.cells.tuning import StoredMaps, tuned
    from saved_run import open_run

    saved = open_run(run_path, tta=tta)
    predictor, start = saved.predictor, saved.predictor.require_cells().how
    samples, loader, _ = part_of(saved, "val")
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
    run_path: Path, *, part: str = "val", threshold: float | None = None, tta: bool = False, page: bool = True
) -> Path:
    """Scores `best.pth` of a run on one part of its data and returns the folder of the results.

    Args:
        page: whether report.html is drawn, too.
    """
    from engine.loops import evaluate
    from engine.runs.checkpoint_file import seal_of
    from inference.files.report import ScoreReport
    from saved_run import open_run
    from system.files import staged_folder

    saved = open_run(run_path, tta=tta)
    run, predictor = saved.folder, saved.predictor
    print(f"run     {run.path}, best.pth of epoch {predictor.epoch}, on {predictor.runtime}")
    threshold = predictor.task.checked_threshold(threshold)
    samples, loader, data = part_of(saved, part)
    decide, decoding = partial(samples.task.decide, threshold=threshold), predictor.decoding
    if decoding:
        print(f"decode  {decoding.describe(epoch=predictor.epoch)}")

    if moved := run.move_aside(part):
        print(f"moved   the earlier results to {moved}")
    network_size = samples.task.counts()
    with staged_folder(run.path / part) as results:
        report = ScoreReport(results, samples, decide=decide, decoding=decoding and decoding.how)
        evaluate(predictor.model, loader, network_size, runtime=predictor.runtime, decide=decide, on_logits=report.add)
        report.finish(network_size.table())
        report.write_summary(
            run=str(run.path),
            epoch=predictor.epoch,
            part=part,
            threshold=threshold,
            decoding=decoding,
            weights=seal_of(run.path / "best.pth"),
            data=data,
            environment=environment_of(predictor.runtime),
            command=command_of(run.path, part=part, threshold=threshold, tta=tta),
        )
    for name, counts in (("network size", network_size), ("image size", report.counts)):
        scores = counts.compute()
        print(
            f"scores  at {name}: IoU {scores.iou:.4f}, Dice {scores.dice:.4f}; "
            f"mean over images: IoU {scores.iou_per_image:.4f}, Dice {scores.dice_per_image:.4f}"
        )
        if len(scores.per_class) > 1:
            print("        IoU of", ", ".join(f"{label} {own['iou']:.4f}" for label, own in scores.per_class.items()))
    if report.objects:
        print(report.cells_line())
        if decoding.tuned_on and part in (decoding.tuned_on, "all"):
            print("        the decoding was tuned on images that are scored here, so these scores are too high")
    print(f"wrote   {run.path / part}: {', '.join(report.contents)}", flush=True)
    if page:
        draw_page(run.path, samples, part=part)
    return run.path / part


def draw_page(run: Path, samples: Samples, *, part: str) -> None:
    """Draws the page of the results, and prints one line. It never fails, because the scores are written already."""
    try:
        from report.run_page import page_path, write_run_page

        size = write_run_page(run, samples, part=part)
        print(f"page    {page_path(run, part)}, {size / 1e6:.1f} MB")
    except Exception as error:  # matplotlib or jinja2 may be absent or broken, and the disk may be full
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        print(f"page    report.html cannot be drawn ({reason}); python -m report {run} tries again")


def environment_of(runtime: Runtime) -> dict[str, object]:
    """Returns what the scores depend on besides the run and its data, such as the version of torch."""
    from engine.distributed import ALONE
    from engine.training import machine

    return {"python": platform.python_version(), "system": platform.system()} | machine(runtime, ALONE)


def command_of(run: Path, *, part: str, threshold: float | None, tta: bool) -> str:
    """Returns the command line that makes these results again."""
    words = ["python", "val.py", "--run", str(run), "--split", part]
    words += [] if threshold is None else ["--threshold", str(threshold)]
    return shlex.join(words + (["--tta"] if tta else []))


def part_of(saved: SavedRun, part: str) -> tuple[Samples, DataLoader, dict[str, object]]:
    """Returns the samples of one part of a run's data, the loader that scores them, and the identity of the data.

    Raises:
        DataError: the classes of the data folder or the split are no longer those of the run.
    """
    from assemble import data_folder
    from datasets.fingerprint import fingerprint, split_fingerprint
    from datasets.loading.loaders import scoring_loader
    from datasets.samples import Samples
    from datasets.split import read_split, select

    config, predictor = saved.config, saved.predictor
    folder = data_folder(config, ROOT)
    if folder.task.classes != predictor.classes:
        raise DataError(
            f"{config.data.root}: classes {', '.join(folder.task.classes)}, but {saved.folder.path} was trained with "
            f"{', '.join(predictor.classes)}; restore the folder and its dataset.yaml, or train anew"
        )
    path = saved.folder.path / "split.csv"
    split = read_split(path, [sample.id for sample in folder.samples])
    if saved.split not in (None, split_fingerprint(split)):
        raise DataError(
            f"{path}: not the split that the run was trained with; restore the file, or let "
            f"train.py --config {saved.folder.path / 'config.yaml'} --resume write it again"
        )
    samples = Samples(select(folder.samples, split, part), predictor.reader, folder.task, size=predictor.size)
    on_cuda = predictor.runtime.on_cuda
    loader = scoring_loader(samples, predictor.normalise, batch_size=saved.batch_size, pin_memory=on_cuda)
    print(f"data    {config.data.root}: {len(samples)} images of the split '{part}'", flush=True)
    digest = fingerprint(ROOT / config.data.root, split, folder)
    unchanged = None if saved.data is None else digest == saved.data
    data = {"folder": config.data.root, "fingerprint": digest, "split": split_fingerprint(split)}
    return samples, loader, data | {"as_in_training": unchanged}


if __name__ == "__main__":
    settle_process()  # before anything loads torch
    sys.exit(run_script(main))
