"""Progress bars: as text on a terminal, as a widget in a notebook, and none where nobody watches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm


def progress_bar(
    items: Iterable | None = None,
    title: str | None = None,
    *,
    total: int | None = None,
    done: int = 0,
    unit: str = "it",
    keep: bool = False,
    hidden: bool = False,
) -> tqdm:
    """Returns the items, with a bar that counts them as they are taken; without items, `update` counts.

    In a notebook the bar is a widget if ipywidgets is installed. A log file gets no bar.

    Args:
        total: the number of items, if they do not know it.
        done: the number of items that were done before.
        unit: what is counted.
        keep: the bar stays when all is done.
        hidden: no bar is shown, such as by all processes but the first.
    """
    from tqdm.auto import tqdm  # it loads asyncio, and --help needs neither

    # The output of a notebook is no terminal, so that tqdm would show nothing there by itself.
    in_notebook = any(kind.__module__ == "tqdm.notebook" for kind in tqdm.__mro__)
    disable = True if hidden else False if in_notebook else None
    return tqdm(items, title, total, leave=keep, disable=disable, initial=done, unit=unit)
