"""Draws curves.png, the picture of a training: its losses and its scores over the epochs, as log.csv has them."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.history import History
from system.errors import first_line
from system.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A picture takes about 0.15 s of one core. It is drawn after each epoch, unless that takes more than this share of the
# time. The first picture takes 0.5 s more for the import of matplotlib.
SHARE = 0.02
ORANGE, BLUE, GREEN = "#E69F00", "#0072B2", "#009E73"  # told apart by colour-blind people (Okabe and Ito 2008)
LOSSES = {"loss": ("training", ORANGE, "-"), "val_loss": ("validation", BLUE, "-")}
SCORES = {
    "iou": ("iou: training, while it learns", ORANGE, "-"),
    "val_iou": ("val_iou: validation", BLUE, "-"),
    "dice": ("dice", ORANGE, ":"),
    "val_dice": ("val_dice", BLUE, ":"),
    "val_ap_50": ("val_ap_50: cells", GREEN, "-"),
}


class CurveFile:
    """Keeps curves.png of a run up to date. A picture that cannot be drawn costs one printed line, and no training."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._next, self._epochs, self._failed = 0.0, 0, False

    def after_epoch(self, history: History) -> None:
        """Draws the picture after the first epoch, and then unless the time since the last one is too short."""
        if time.monotonic() >= self._next:
            self.finish(history)

    def finish(self, history: History) -> None:
        """Draws the picture of all epochs that are done, unless it is there."""
        if self._failed or len(history.rows) == self._epochs:
            return
        try:
            import matplotlib.figure  # noqa: F401 - once, before the clock starts

            began = time.monotonic()
            write_bytes(self.path, draw_curves(history.rows, best=history.best["epoch"], score=history.score))
        except Exception as error:  # matplotlib may be absent or broken, and the disk may be full
            self._failed = True
            reason = first_line(error)
            print(f"curves  {self.path.name} cannot be drawn ({reason}); log.csv has the same numbers", flush=True)
        else:
            now = time.monotonic()
            self._next, self._epochs = now + (now - began) / SHARE, len(history.rows)


def draw_curves(rows: Sequence[Mapping[str, float]], *, best: int, score: str) -> bytes:
    """Returns a PNG file of 1200×624 pixels: the losses on the left, the scores on the right.

    A line marks the best epoch. Columns that the rows do not have are left out.

    Args:
        rows: one row for each epoch, as log.csv has them, at least one.
        best: the number of the best epoch.
        score: the column by which it is the best; "epoch" if it is the last one.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells about its cache of fonts otherwise
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.2), dpi=120)
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.06, right=0.99, bottom=0.22, top=0.94, wspace=0.16)  # matplotlib's search is slow
    _draw_lines(left, rows, LOSSES)
    _draw_lines(right, rows, SCORES)
    left.set(title="loss", ylabel="mean per image")
    right.set(
        title="scores" if score == "epoch" else f"scores; {score} {rows[best - 1][score]:.4f} in epoch {best}",
        ylabel="share, 1 is perfect",
        ylim=(-0.02, 1.02),
    )
    for axes in (left, right):
        axes.axvline(best, color="black", linestyle="--", linewidth=1, label=f"best: epoch {best}")
        axes.set(xlabel="epoch", xlim=(0, len(rows) + 1))
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.12))  # below the lines
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _draw_lines(axes: Axes, rows: Sequence[Mapping[str, float]], columns: Mapping[str, tuple[str, str, str]]) -> None:
    """Draws a line for each column: name → (label, colour, style). Some rows may have no value in it."""
    for name, (label, colour, style) in columns.items():
        points = [(row["epoch"], row[name]) for row in rows if row.get(name) is not None]
        if points:
            marker = "o" if len(points) < len(rows) or len(rows) < 10 else None
            axes.plot(*zip(*points, strict=True), style, color=colour, label=label, marker=marker, markersize=3)
