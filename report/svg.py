"""Plots as SVG text that stands inside of an HTML page: it has the page's font and colours, and a description.

matplotlib draws with the colours of `COLOURS`. In the SVG they become variables of the page's style sheet, so that a
plot follows the light or dark mode of the reader.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (4.8, 3.3)  # inches; the view box has 72 units per inch, so that 1 unit is about a pixel of the page
# Stand-ins → variables of the style sheet. They must differ, and nothing else may draw with them.
INK, MUTED, GRID, PANEL = "#010101", "#020202", "#030303", "#080808"
BLUE, ORANGE, GREEN, PURPLE = "#040404", "#050505", "#060606", "#070707"
COLOURS = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    PANEL: "var(--panel)",
    BLUE: "var(--blue)",
    ORANGE: "var(--orange)",
    GREEN: "var(--green)",
    PURPLE: "var(--purple)",
}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",  # equal plots have equal ids, and the same data makes the same page
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.edgecolor": "none",
    "legend.facecolor": PANEL,
    "legend.framealpha": 0.85,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.8,
    "patch.linewidth": 0,
}


def draw(name: str, *, title: str, description: str, plot: Callable[[Axes], None]) -> Markup:
    """Draws one plot and returns its <svg> element.

    Args:
        name: letters, digits and "-"; no other plot of the page has it.
        title: what the plot shows.
        description: what a person who cannot see the plot needs to know.
        plot: draws into the axes that it is given, and sets their labels.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=SIZE)
        FigureCanvasSVG(figure)
        axes = figure.add_axes((0.135, 0.165, 0.845, 0.8))  # matplotlib's search for room is slow
        plot(axes)
        digits = max((len(label.get_text()) for label in axes.get_yticklabels()), default=0)
        room = 0.02 * max(0, digits - 3)  # or the label of the axis would stand outside of the picture
        axes.set_position((0.135 + room, 0.165, 0.845 - room, 0.8))
        figure.patch.set_visible(False)
        axes.patch.set_visible(False)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _embedded(file.getvalue(), name, title=title, description=description)


def _embedded(svg: str, name: str, *, title: str, description: str) -> Markup:
    """Turns a whole SVG file into an element of a page: no declarations, no addresses, no ids that are used twice."""
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    box = re.search(r'viewBox="([\d. ]+)"', svg)[1]
    body = re.sub(r"<style.*?</style>|<metadata.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r'id="(\w+)"', rf'id="{name}-\1"', body)
    body = re.sub(r'xlink:href="#(\w+)"', rf'href="#{name}-\1"', body)
    body = re.sub(r"url\(#(\w+)\)", rf"url(#{name}-\1)", body)
    body = re.sub(r" font-family: [^;\"]*(;|(?=\"))", "", body)  # the page's font
    body = re.sub(r"\s*\n\s*", " ", body)
    for stand_in, variable in COLOURS.items():
        body = body.replace(stand_in, variable)
    names = f'aria-labelledby="{name}-title {name}-text"'
    opening = Markup('<svg viewBox="{}" role="img" {}><title id="{}-title">{}</title><desc id="{}-text">{}</desc>')
    return opening.format(box, Markup(names), name, title, name, description) + Markup(body)
