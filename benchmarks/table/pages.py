"""The scores of a table in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from benchmarks.markdown import markdown_table
from benchmarks.table.columns import COLUMNS, by_area
from benchmarks.table.results import Images, Score
from inference.files.score_report import SIZES

INTERVALS = (
    "A cell is the mean over seeds ± their standard deviation, and in brackets the interval of 95 % of a bootstrap "
    "over groups of images that belong together."
)


def page_of(
    rows: Mapping[str, Images], columns: Sequence[str], *, minutes: Mapping[str, float], notes: Sequence[str]
) -> str:
    """Returns the tables of a set of rows: of all images, by the kind of image, and by the area of objects.

    Args:
        rows: label → the scored images.
        columns: names of `COLUMNS`.
        minutes: label → the mean time of a training.
        notes: sentences below, such as where it was measured.
    """
    parts = [INTERVALS, _whole(rows, columns, minutes), "### By the kind of image", _by_kind(rows, columns)]
    if any(images.score(COLUMNS["ap_50"]) for images in rows.values()):
        parts += ["### AP at .5 by the area of an object in pixels", _by_area(rows)]
    return "\n\n".join([*parts, *notes]) + "\n"


def _cell(score: Score | None) -> str:
    return "–" if score is None else str(score)


def _whole(rows: Mapping[str, Images], columns: Sequence[str], minutes: Mapping[str, float]) -> str:
    head = ["", *(COLUMNS[name].title for name in columns), "seeds", "images", "minutes a run"]
    lines = []
    for label, images in rows.items():
        scores = [_cell(images.score(COLUMNS[name])) for name in columns]
        lines.append([label, *scores, str(len(images.of_seeds)), str(len(images.ids)), f"{minutes[label]:.1f}"])
    return markdown_table(head, lines)


def _by_kind(rows: Mapping[str, Images], columns: Sequence[str]) -> str:
    lines = []
    for label, images in rows.items():
        for kind, count in sorted(Counter(images.kinds[one] for one in images.ids).items()):
            some = images.of_kind(kind)
            lines.append([label, kind, *(_cell(some.score(COLUMNS[name])) for name in columns), str(count)])
    return markdown_table(["", "kind", *(COLUMNS[name].title for name in columns), "images"], lines)


def _by_area(rows: Mapping[str, Images]) -> str:
    limits = [*pairwise((0, *SIZES, float("inf")))]
    names = [f"< {SIZES[0]}", *(f"{low} – {high}" for low, high in pairwise(SIZES)), f"≥ {SIZES[-1]}"]
    lines = [
        [label, *(_cell(images.score(by_area(low, high))) for low, high in limits)]
        for label, images in rows.items()
        if images.score(COLUMNS["ap_50"])
    ]
    return markdown_table(["", *names], lines)
