"""Compares two runs, or two sets of runs, on the images that both have scored.

    python -m benchmarks.scores.compare outputs/a outputs/b
    python -m benchmarks.scores.compare outputs/a_f0 outputs/a_f1 --with outputs/b_f0 outputs/b_f1 [--split test]

Each side may have several runs, such as the folds of a cross-validation or several seeds; an image that several runs of
a side have scored counts with their mean. The difference is that of the second side to the first. Its interval is a
bootstrap over groups of images that belong together, and p is that of a paired permutation test over these groups.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.markdown import markdown_table
from benchmarks.table.bootstrap import group_draws, interval, numbered, paired_p, sums_of_groups
from benchmarks.table.columns import COLUMNS, Column, Ratio
from benchmarks.table.scoring import grouping_of, scored_images
from inference.files.image_counts import ScoredImages
from system.errors import ConfigError, DataError, run_script

ROOT = Path(__file__).resolve().parents[2]
Side = Sequence[ScoredImages]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scores.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", type=Path, nargs="+", help="two runs; or, before --with, the first side")
    parser.add_argument("--with", type=Path, nargs="+", dest="others", metavar="RUN", help="the second side")
    parser.add_argument("--split", choices=("val", "test"), default="val", help="the part (default: %(default)s)")
    names = ", ".join(COLUMNS)
    parser.add_argument("--columns", nargs="+", choices=COLUMNS, metavar="SCORE", help=f"some of {names}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = parser.parse_args()
    first, second = options.runs, options.others
    if second is None:
        if len(first) != 2:
            parser.error("give two runs, or the runs of the second side after --with")
        first, second = first[:1], first[1:]
    print(comparison(first, second, part=options.split, columns=options.columns, root=ROOT), end="")


def comparison(
    first: Sequence[Path], second: Sequence[Path], *, part: str, columns: Sequence[str] | None, root: Path
) -> str:
    """Returns the comparison of two sides in Markdown.

    Args:
        columns: names of `COLUMNS`; None takes all that both sides have.
        root: the folder that paths in a configuration are relative to.

    Raises:
        ConfigError: a score is asked for that a side does not have.
        DataError: no image was scored on both sides.
    """
    sides = [[scored_images(run, part) for run in runs] for runs in (first, second)]
    scored = [{one for images in side for one in images.ids} for side in sides]
    ids = sorted(scored[0] & scored[1])
    if not ids:
        raise DataError(f"no image is in the part {part} of both {first[0]} and {second[0]}; use runs of one split")
    grouping = grouping_of(first[0], root)
    has = lambda name: all(COLUMNS[name].fits(images) for side in sides for images in side)
    if missing := [name for name in columns or () if not has(name)]:
        raise ConfigError(f"{missing[0]} needs the scores of cells, which a run does not have; choose other --columns")
    names = columns or [name for name in COLUMNS if has(name)]
    kinds = sorted({grouping.kinds[one] for one in ids})
    blocks = [("all images", ids), *((kind, [one for one in ids if grouping.kinds[one] == kind]) for kind in kinds)]
    lines = []
    for title, chosen in blocks if len(kinds) > 1 else blocks[:1]:
        groups = numbered([grouping.groups[one] for one in chosen])
        where = f"{title} ({len(chosen)} in {groups.max() + 1} groups)"
        lines += [[where, COLUMNS[name].title, *compared(COLUMNS[name], sides, chosen, groups)] for name in names]
    head = ["images", "score", "first", "second", "difference", "95 %", "p"]
    shown = ["; ".join(f"`{run}`" for run in runs) for runs in (first, second)]
    left_out = len(scored[0] ^ scored[1])
    rest = f" {left_out} images that only one side has scored are left out." if left_out else ""
    return f"First: {shown[0]}. Second: {shown[1]}. Part: {part}.{rest}\n\n{markdown_table(head, lines)}\n"


def compared(column: Column, sides: Sequence[Side], ids: Sequence[str], groups: np.ndarray) -> list[str]:
    """Returns cells: the score of either side, the difference, its interval and p.

    Args:
        ids: the images that are compared.
        groups: the numbers of their groups.
    """
    count = int(groups.max()) + 1
    (a, a_whole), (b, b_whole) = (sums_of_groups(mean_ratio(column, side, ids), groups, count) for side in sides)
    scores = [float(column.of_sums(parts.sum(0), wholes.sum(0))) for parts, wholes in ((a, a_whole), (b, b_whole))]
    draws = group_draws(count)
    drawn = column.of_sums(draws @ b, draws @ b_whole) - column.of_sums(draws @ a, draws @ a_whole)

    def difference(exchanged: np.ndarray) -> np.ndarray:
        move, whole = exchanged @ (b - a), exchanged @ (b_whole - a_whole)
        of_first = column.of_sums(a.sum(0) + move, a_whole.sum(0) + whole)
        return column.of_sums(b.sum(0) - move, b_whole.sum(0) - whole) - of_first

    low, high = interval(drawn)
    p = paired_p(difference, count)
    figures = f"{scores[0]:.4f}", f"{scores[1]:.4f}", f"{scores[1] - scores[0]:+.4f}", f"{low:+.4f} to {high:+.4f}"
    return [*figures, f"{p:.4f}" if p >= 0.0001 else "< 0.0001"]


def mean_ratio(column: Column, side: Side, ids: Sequence[str]) -> Ratio:
    """Returns numerators and denominators of the images `ids`, [images, K]; means over the runs that have the image."""
    place = {one: number for number, one in enumerate(ids)}
    sums, times = None, np.zeros(len(ids))
    for images in side:
        chosen = [number for number, one in enumerate(images.ids) if one in place]
        if not chosen:
            continue
        to = [place[images.ids[number]] for number in chosen]
        ratio = column.ratio(images.only(chosen))
        sums = [np.zeros((len(ids), ratio[0].shape[1])) for _ in ratio] if sums is None else sums
        for total, one in zip(sums, ratio, strict=True):
            total[to] += one
        times[to] += 1
    return sums[0] / times[:, None], sums[1] / times[:, None]


if __name__ == "__main__":
    sys.exit(run_script(main))
