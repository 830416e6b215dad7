"""The table and the picture of a forecast."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np

from benchmarks.forecast.curve import LEAST, MORE, Curve, Forecast, fitted, predicted
from benchmarks.markdown import markdown_table
from benchmarks.table.bootstrap import interval

COLOURS = ("#0072B2", "#E69F00")


def page_of(curves: Mapping[str, Curve], *, title: str) -> str:
    """Returns the scores and the forecasts in Markdown.

    Args:
        curves: changes → scores; the first are those without changes.
        title: of the score.
    """
    (base, *others) = curves.values()
    head = ["training images", f"{title}, mean over draws ± sd", "draws"]
    head += [column for label in list(curves)[1:] for column in (f"with `{label}`", "difference (95 %)")]
    lines = []
    for place, size in enumerate(base.sizes):
        line = [str(size), _spread(base.scores[place]), str(len(base.scores[place]))]
        for other in others:
            difference = other.means[place] - base.means[place]
            low, high = interval(other.resampled[:, place] - base.resampled[:, place])
            line += [_spread(other.scores[place]), f"{difference:+.3f} ({low:+.3f} to {high:+.3f})"]
        lines.append(line)
    parts = [markdown_table(head, lines)]
    for label, curve in curves.items():
        name = f"With `{label}`: " if label else ""
        if not curve.forecasts:
            parts.append(f"{name}A forecast needs at least {LEAST} numbers of images.")
            continue
        said = " and ".join(f"{_words(one)} with {one.images} images" for one in curve.forecasts)
        parts.append(f"{name}The curve through these scores, 1 − a − b n^(−c), forecasts {said}.")
        if (test := curve.backtest) is not None:
            measured = curve.means[-1]
            parts.append(f"{name}Without its last point it forecasts {_words(test)} there; measured is {measured:.3f}.")
    return "\n\n".join(parts) + "\n"


def _spread(scores: tuple[float, ...]) -> str:
    spread = f" ± {np.std(scores, ddof=1):.3f}" if len(scores) > 1 else ""
    return f"{np.mean(scores):.3f}{spread}"


def _words(forecast: Forecast) -> str:
    return f"{forecast.score:.3f} ({forecast.low:.3f} to {forecast.high:.3f})"


def draw_curves(curves: Mapping[str, Curve], *, title: str) -> bytes:
    """Returns a PNG file: the score of each run, the curve, and the interval of the forecast."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for colour, (label, curve) in zip(COLOURS, curves.items(), strict=False):
        for size, scores in zip(curve.sizes, curve.scores, strict=True):
            axes.plot([size] * len(scores), scores, "o", color=colour, markersize=4)
        if curve.forecasts:
            images = np.geomspace(curve.sizes[0], MORE[-1] * curve.sizes[-1], 100)
            line = predicted(fitted(curve.sizes, curve.means), images)
            axes.plot(images, line, color=colour, label=label or "as configured")
            at, scores, low, high = np.array([(one.images, one.score, one.low, one.high) for one in curve.forecasts]).T
            reach = np.clip([scores - low, high - scores], 0, None)
            axes.errorbar(at, scores, reach, fmt="s", color=colour, capsize=4, markersize=4)
    axes.set(xscale="log", xlabel="training images", ylabel=title, title="dots: trained; squares: forecast, 95 %")
    axes.grid(alpha=0.3)
    if any(curve.forecasts for curve in curves.values()):
        axes.legend()
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
