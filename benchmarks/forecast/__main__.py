"""Trains with parts of the training images, and forecasts the score with more of them than there are.

    python -m benchmarks.forecast configs/mine.yaml [section.key=value …] [--sizes 10 20 50] [--draws 3]
    python -m benchmarks.forecast data.root=inputs/my_images --compare model.weights=pretrained/nuclei

What the configuration leaves out is chosen by the data, as train.py chooses it; data.root=FOLDER alone is enough. The
validation part is always the same. Each draw is an order of the training images of which the first n train. Every run
sees as many windows (or, with data.size, images) as one with all training images, so that all take equally long.
--compare trains each part a second time, with changes, and prints the difference. A table, a picture, the complete
configuration and the split files of the runs land in outputs/<name>_forecast/. A run that is finished is not repeated.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.schema.overrides import parse_with_hints
from system.errors import run_script

ROOT = Path(__file__).resolve().parents[2]
TRAIN = [sys.executable, str(ROOT / "train.py")]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.forecast", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words_help = "a configuration, such as configs/my_images.yaml, and changes to it; data.root=FOLDER alone is enough"
    parser.add_argument("words", nargs="+", metavar="CONFIG|section.key=value", help=words_help)
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help="images (default: 10, 20, 40, … and all)")
    parser.add_argument("--draws", type=int, default=3, help="of each number of images (default: %(default)s)")
    parser.add_argument("--compare", nargs="+", default=[], metavar="KEY=VALUE", help="changes to compare with")
    parser.add_argument("--score", help="the score, such as iou or ap_50 (default: ap_50 if there are cells)")
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="trainings at once (default: %(default)s)"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    given = parse_with_hints(parser)
    if given.draws < 1 or given.processes < 1:
        parser.error("--draws and --processes must be at least 1")
    is_config = "=" not in given.words[0] or Path(given.words[0]).is_file()
    text = forecast(
        Path(given.words[0]) if is_config else None,
        given.words[1:] if is_config else given.words,
        sizes=given.sizes,
        draws=given.draws,
        compare=given.compare,
        score=given.score,
        processes=given.processes,
    )
    print(text, end="")


def forecast(
    config_path: Path | None,
    changes: Sequence[str] = (),
    *,
    sizes: Sequence[int] | None = None,
    draws: int = 3,
    compare: Sequence[str] = (),
    score: str | None = None,
    processes: int = 1,
    root: Path | None = None,
    command: Sequence[str] = TRAIN,
) -> str:
    """Trains what is left, scores it, writes table and picture, and returns the table in Markdown.

    Args:
        config_path: the configuration; without one, everything comes from the changes, or is chosen by the data.
        root: the folder with outputs/, which paths in configurations are relative to.
        command: what starts train.py.

    Raises:
        ConfigError: the configuration, the sizes or the score cannot be used.
    """
    from benchmarks.forecast.curve import curve_of
    from benchmarks.forecast.page import draw_curves, page_of
    from benchmarks.forecast.plan import plan_of
    from benchmarks.table.running import train_all
    from benchmarks.table.scoring import grouping_of, scored_images
    from engine.schema.config_file import dump_config
    from system.files import write_bytes, write_text

    root = ROOT if root is None else root
    plan = plan_of(config_path, changes, sizes=sizes, draws=draws, compare=compare, score=score, root=root)
    write_text(plan.config_file, dump_config(plan.config))
    for path, text in plan.split_files.items():
        write_text(path, text)
    train_all(plan.runs, root / "outputs", command=command, processes=processes)
    groups, curves = None, {}
    for label, parts in plan.variants.items():
        scored = {
            size: [scored_images(root / "outputs" / run.name, "val") for run in runs] for size, runs in parts.items()
        }
        groups = groups or grouping_of(root / "outputs" / plan.runs[0].name, root).groups
        curves[label] = curve_of(scored, plan.column, groups)
    text = page_of(curves, title=plan.column.title)
    write_text(plan.folder / "forecast.md", text)
    write_bytes(plan.folder / "forecast.png", draw_curves(curves, title=plan.column.title))
    return text


if __name__ == "__main__":
    sys.exit(run_script(main))
