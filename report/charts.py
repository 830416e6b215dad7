"""The plots of the pages. Each function takes numbers and returns an <svg> element, see `report.svg.draw`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from report.svg import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, draw
from system.spread import spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Column of log.csv → label, colour and style of its line, as in curves.png.
LOSSES = {"loss": ("training", ORANGE, "-"), "val_loss": ("validation", BLUE, "-")}
SCORES = {
    "iou": ("iou, while it learns", ORANGE, "-"),
    "val_iou": ("val_iou", BLUE, "-"),
    "val_dice": ("val_dice", BLUE, ":"),
    "val_ap_50": ("val_ap_50, cells", GREEN, "-"),
}
POINTS = 1000  # of a scatter plot; more would make the page large, and would hide each other


def learning_curves(rows: Sequence[Mapping[str, float]], best: int) -> list[Markup]:
    """Draws the losses and the scores of each epoch; `best` is the epoch of the weights that are scored."""
    first, last = rows[0], rows[-1]
    loss = f"The training loss goes from {first['loss']:.3f} to {last['loss']:.3f} in {len(rows)} epochs."
    top = max(rows, key=lambda row: row["val_iou"])
    score = f"The highest val_iou is {top['val_iou']:.4f}, in epoch {top['epoch']:.0f}."
    return [
        draw("loss", title="Loss by epoch", description=loss, plot=lambda axes: _lines(axes, rows, LOSSES, best)),
        draw(
            "score",
            title="Scores by epoch",
            description=score,
            plot=lambda axes: _lines(axes, rows, SCORES, best, ylim=(0, 1.02)),
        ),
    ]


def _lines(
    axes: Axes, rows: Sequence[Mapping[str, float]], columns: Mapping[str, tuple], best: int, **limits: object
) -> None:
    for name, (label, colour, style) in columns.items():
        points = [(row["epoch"], row[name]) for row in rows if row.get(name) is not None]
        if points:
            marker = "o" if len(points) < 10 else None
            axes.plot(*zip(*points, strict=True), style, color=colour, label=label, marker=marker, markersize=4)
    axes.axvline(best, color=MUTED, linestyle="--", linewidth=1, label=f"epoch {best}, scored here")
    axes.set(xlabel="epoch", xlim=(0, len(rows) + 1), **limits)
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    axes.legend(loc="best")


def counts_plot(true: np.ndarray, predicted: np.ndarray) -> Markup:
    """Draws the predicted against the true number of cells of each image, with the line where they are equal."""
    most = max(1, int(max(true.max(), predicted.max()))) * 1.05
    shown = spread(range(len(true)), POINTS)

    def plot(axes: Axes) -> None:
        axes.plot([0, most], [0, most], color=MUTED, linewidth=1, linestyle="--", label="equal")
        axes.plot(true[shown], predicted[shown], "o", color=BLUE, markersize=5, alpha=0.55, markeredgewidth=0)
        axes.set(xlabel="true cells in the image", ylabel="predicted cells", xlim=(0, most), ylim=(0, most))
        axes.legend(loc="upper left")

    equal, fewer, more = (
        int(np.count_nonzero(test)) for test in (predicted == true, predicted < true, predicted > true)
    )
    text = f"Of {len(true)} images, {equal} have the right number of cells, {fewer} too few, and {more} too many."
    return draw("counts", title="Predicted against true counts", description=text, plot=plot)


def agreement(true: np.ndarray, predicted: np.ndarray) -> tuple[float, float, float] | None:
    """Returns the mean difference of the counts, predicted − true, and its limits of agreement.

    The limits are 1.96 standard deviations below and above the mean (Bland and Altman 1986, "Statistical methods for
    assessing agreement between two methods of clinical measurement"). None for fewer than two images.
    """
    if len(true) < 2:
        return None
    difference = predicted - true
    mean, spread = float(difference.mean()), 1.96 * float(difference.std(ddof=1))
    return mean, mean - spread, mean + spread


def bland_altman(true: np.ndarray, predicted: np.ndarray) -> Markup:
    """Draws the difference of the counts of each image against their mean, see `agreement`; at least two images."""
    mean, low, high = agreement(true, predicted)
    shown = spread(range(len(true)), POINTS)

    def plot(axes: Axes) -> None:
        axes.axhline(0, color=MUTED, linewidth=1)
        axes.axhline(mean, color=ORANGE, linewidth=1.6, label=f"mean {mean:+.1f}")
        for limit, label in ((low, None), (high, f"limits of agreement {low:+.1f} to {high:+.1f}")):
            axes.axhline(limit, color=ORANGE, linewidth=1.2, linestyle="--", label=label)
        x, y = (true + predicted)[shown] / 2, (predicted - true)[shown]
        axes.plot(x, y, "o", color=BLUE, markersize=5, alpha=0.55, markeredgewidth=0)
        room = 0.12 * max(1.0, *(abs(value) for value in (low, high, y.min(), y.max())))
        bottom, top = min(low, y.min(), 0), max(high, y.max(), 0)
        axes.set(xlabel="mean of true and predicted cells", ylabel="predicted − true", xlim=(0, None))
        axes.set_ylim(bottom - room, top + 0.3 * (top - bottom) + room)  # the legend stands above the points
        axes.legend(loc="upper left")

    text = f"The mean difference is {mean:+.2f} cells. The limits of agreement are {low:+.2f} and {high:+.2f}."
    return draw("agreement", title="Bland–Altman plot of the counts", description=text, plot=plot)


def by_threshold(thresholds: Sequence[float], ap: Sequence[float], f1: Sequence[float]) -> Markup:
    """Draws the scores of cells against the IoU above which cells match."""

    def plot(axes: Axes) -> None:
        axes.plot(thresholds, ap, "-o", color=BLUE, markersize=4, label="AP")
        axes.plot(thresholds, f1, ":o", color=BLUE, markersize=4, label="F1")
        axes.set(xlabel="cells match above this IoU", ylabel="score", ylim=(0, 1.02), xlim=(0.48, 0.97))
        axes.legend(loc="best")

    text = f"AP falls from {ap[0]:.3f} at {thresholds[0]:g} to {ap[-1]:.3f} at {thresholds[-1]:g}."
    return draw("thresholds", title="AP and F1 against the IoU of matches", description=text, plot=plot)


def by_size(names: Sequence[str], true: Sequence[int], recall: Sequence[float], ap: Sequence[float]) -> Markup:
    """Draws the scores of cells by the area of the true cells; a score that is NaN has no bar."""
    places = np.arange(len(names))

    def plot(axes: Axes) -> None:
        axes.bar(places - 0.2, np.nan_to_num(recall), 0.36, color=BLUE, label="recall@.5")
        axes.bar(places + 0.2, np.nan_to_num(ap), 0.36, color=ORANGE, label="AP@.5")
        axes.set_xticks(
            places, [f"{name}\n{count} cells" for name, count in zip(names, true, strict=True)], fontsize=7.5
        )
        axes.set(xlabel="area of the true cell in pixels", ylim=(0, 1.22), yticks=[0, 0.2, 0.4, 0.6, 0.8, 1])
        axes.grid(visible=False, axis="x")
        axes.legend(loc="upper left", ncols=2)

    text = "; ".join(
        f"{name} pixels: {count} cells, recall {share:.2f}"
        for name, count, share in zip(names, true, recall, strict=True)
    )
    return draw("sizes", title="Scores by the size of the cells", description=text, plot=plot)


def calibration_plot(confidence: np.ndarray, share: np.ndarray, cells: np.ndarray) -> Markup:
    """Draws the share of right cells against their mean confidence: a point for each bin, larger with more cells."""

    def plot(axes: Axes) -> None:
        low = np.floor(10 * confidence.min()) / 10
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", label="calibrated")
        axes.bar(confidence, cells / cells.max() * 0.3, 0.022, color=PURPLE, alpha=0.35, label="cells in the bin")
        axes.plot(confidence, share, color=BLUE, linewidth=1)
        sizes = 12 + 68 * cells / cells.max()
        axes.scatter(confidence, share, sizes, color=BLUE, linewidths=0, label="share that is right", zorder=3)
        for x, count in zip(confidence, cells, strict=True):
            axes.annotate(f"{count}", (x, count / cells.max() * 0.3 + 0.012), ha="center", fontsize=8.5, color=INK)
        axes.set(xlabel="confidence of the predicted cell", ylabel="share", xlim=(low - 0.02, 1.02), ylim=(0, 1.06))
        axes.legend(loc="upper left")

    text = "; ".join(
        f"confidence {x:.2f}: {y:.2f} of {n} cells" for x, y, n in zip(confidence, share, cells, strict=True)
    )
    return draw("calibration", title="Share of right cells by confidence", description=text, plot=plot)


def histogram(name: str, values: np.ndarray, *, title: str, label: str, counted: str) -> Markup:
    """Draws how often values occur, with a line at their median.

    Args:
        name: of the plot, see `draw`.
        values: at least one finite number.
        label: of the values, with their unit.
        counted: of the bars, such as "cells".
    """
    median, whole = float(np.median(values)), np.all(values == np.round(values))
    high = 2 * np.percentile(values, 99.5)
    inside = values[values <= high] if high > 0 else values  # a few giants would leave one bar for all others
    label += (
        f" ({len(values) - len(inside):,} above {rounded(high)} are not drawn)" if len(inside) < len(values) else ""
    )

    def plot(axes: Axes) -> None:
        bins = np.arange(inside.min() - 0.5, inside.max() + 1) if whole and np.ptp(inside) < 30 else 30
        axes.hist(inside, bins=bins, color=BLUE, rwidth=0.92)
        axes.axvline(median, color=ORANGE, linewidth=1.6, linestyle="--", label=f"median {rounded(median)}")
        axes.set(xlabel=label, ylabel=counted)
        axes.locator_params(axis="x", nbins=6)  # more labels of 16-bit intensities would lie on each other
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="best")

    low, high = rounded(values.min()), rounded(values.max())
    text = f"{len(values):,} values from {low} to {high}, with the median {rounded(median)}."
    return draw(name, title=title, description=text, plot=plot)


def rounded(value: float) -> str:
    """Writes a number with four digits as people read it: 13040.2 → "13,040", and 0.95523 → "0.9552"."""
    return f"{float(f'{value:.4g}'):,.10g}"
