"""Scores a run and writes its predicted masks. Everything comes from the run folder.

python val.py --run outputs/demo
python val.py --run outputs/demo --split all --threshold 0.4
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from system.command_line import fraction
from system.errors import DataError, run_script

ROOT = Path(__file__).resolve().parent  # paths in a configuration are relative to it


def main() -> None:
    parser = argparse.ArgumentParser(description="Scores a run's best.pth; the results land in <run>/<split>/.")
    parser.add_argument("--run", type=Path, required=True, help="run folder, such as outputs/demo")
    parser.add_argument("--split", choices=("val", "train", "all"), default="val", help="default: %(default)s")
    threshold_help = "a pixel belongs to a class above this probability (default: 0.5); multiclass runs have none"
    parser.add_argument("--threshold", type=partial(fraction, option="--threshold"), help=threshold_help)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parser.parse_args()
    validate(arguments.run, part=arguments.split, threshold=arguments.threshold)


def validate(run_path: Path, *, part: str = "val", threshold: float | None = None) -> Path:
    """Scores `best.pth` of a run on one part of its data and returns the folder of the results."""
    from assemble import data_folder
    from datasets.loading.loaders import scoring_loader
    from datasets.samples import Samples
    from datasets.split import read_split, select
    from engine.loops import evaluate
    from inference.report import ScoreReport
    from saved_run import open_run
    from system.files import staged_folder

    saved = open_run(run_path)
    run, config, predictor = saved.folder, saved.config, saved.predictor
    print(f"run     {run.path}, best.pth of epoch {predictor.epoch}, on {predictor.runtime}")

    threshold = predictor.task.checked_threshold(threshold)
    folder = data_folder(config, ROOT)
    task, decide = folder.task, partial(folder.task.decide, threshold=threshold)
    if task.classes != predictor.classes:
        raise DataError(
            f"{config.data.root}: classes {', '.join(task.classes)}, but {run.path} was trained with "
            f"{', '.join(predictor.classes)}; restore the folder and its dataset.yaml, or train anew"
        )
    split = read_split(run.path / "split.csv", [sample.id for sample in folder.samples])
    samples = Samples(select(folder.samples, split, part), predictor.reader, task, size=predictor.size)
    loader = scoring_loader(
        samples, predictor.normalise, batch_size=saved.batch_size, pin_memory=predictor.runtime.on_cuda
    )
    print(f"data    {config.data.root}: {len(samples)} images of the split '{part}'", flush=True)

    if moved := run.move_aside(part):
        print(f"moved   the earlier results to {moved}")
    network_size = task.counts()
    with staged_folder(run.path / part) as results:
        report = ScoreReport(results, samples, decide=decide)
        evaluate(predictor.model, loader, network_size, runtime=predictor.runtime, decide=decide, on_logits=report.add)
        report.finish(network_size.table())
    for name, counts in (("network size", network_size), ("image size", report.counts)):
        scores = counts.compute()
        print(
            f"scores  at {name}: IoU {scores.iou:.4f}, Dice {scores.dice:.4f}; "
            f"mean over images: IoU {scores.iou_per_image:.4f}, Dice {scores.dice_per_image:.4f}"
        )
        if len(scores.per_class) > 1:
            print("        IoU of", ", ".join(f"{label} {own['iou']:.4f}" for label, own in scores.per_class.items()))
    print(f"wrote   {run.path / part}: scores.csv, masks/, overlays/contact_sheet.png")
    return run.path / part


if __name__ == "__main__":
    sys.exit(run_script(main))
