"""Recognises the layouts of the importers by the names of files, so that a wrong importer can name the right one."""

from __future__ import annotations

import re
from collections.abc import Iterable

IMAGE = r"\.(?:png|jpe?g|tiff?|bmp)"
# Importer → what its layout is called, and patterns of which each fits some name in it. The first that fits is taken.
LAYOUTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "dsb2018": ("the layout of the 2018 Data Science Bowl", (r"(?:.*/)?([^/]+)/images/\1\.png",)),
    "stardist": ("StarDist's layout", (rf"(?:.*/)?images/[^/]+{IMAGE}", rf"(?:.*/)?masks/[^/]+{IMAGE}")),
    "cellpose": ("Cellpose's layout", (rf"(?:.*/)?[^/]+(?:_masks{IMAGE}|_seg\.npy)",)),
    "coco": ("COCO's layout", (r"(?:.*/)?[^/]+\.json",)),
}
READY = (r"(?:[^/]+/)?images/.+", r"(?:[^/]+/)?masks/.+", r"(?:[^/]+/)?dataset\.yaml")


def advice(names: Iterable[str], importer: str) -> str:
    """The end of an error message: which importer fits the names; empty where none, or where `importer` itself does."""
    names = list(names)
    fits = lambda patterns: all(any(re.fullmatch(one, name, re.IGNORECASE) for name in names) for one in patterns)
    if fits(READY):
        return "; this looks like a data folder of this project, which needs no import: python -m datasets.check"
    found = next((name for name, (_, patterns) in LAYOUTS.items() if fits(patterns)), None)
    if found is None or found == importer:
        return ""
    return f"; this looks like {LAYOUTS[found][0]}: python -m datasets.prepare {found}"
