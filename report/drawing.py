"""Draws a page at the end of a script, which must not fail because of the page: its results are written already."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from system.errors import first_line
from system.names import shown


def draw_page(folder: Path, draw: Callable[[], tuple[Path, int]]) -> None:
    """Draws the page of a folder and prints one line. An error becomes a part of this line.

    Args:
        folder: the folder that `python -m report` draws the same page of.
        draw: writes the page, and returns its path and its size in bytes. It imports what it needs, because matplotlib
            and jinja2 may be absent or broken.
    """
    try:
        path, size = draw()
        print(f"page    {shown(str(path))}, {size / 1e6:.1f} MB", flush=True)
    except Exception as error:
        reason = shown(first_line(error))
        again = shown(shlex.join(["python", "-m", "report", str(folder)]))
        print(f"page    report.html cannot be drawn ({reason}); {again} tries again", flush=True)
