"""Sections of the card of a ready model: the scores of all trainings that speak for it, and what is in scope."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from inference.model_card.card import UNKNOWN, table

SCORES = {  # keys of summary.json → titles of columns
    "iou": "IoU",
    "ap_50": "AP@.5",
    "ap_70": "AP@.7",
    "ap_90": "AP@.9",
    "pq": "PQ",
    "count_error": "count error",
}


def scores_section(scores: Mapping[str, Mapping], *, seal: str) -> str:
    """Returns the rows of several summary.json; `seal` is that of the checkpoint whose weights these are."""
    if not scores:
        return "No scores were given when this card was written."
    known = lambda summary, key: isinstance(summary.get(key), int | float)
    columns = [key for key in SCORES if any(known(summary, key) for summary in scores.values())]
    titles = ("what", "run", "weights", "images", *(SCORES[key] for key in columns))
    rows = []
    for what, summary in scores.items():
        own = summary.get("weights") == seal
        run = f"{PurePath(str(summary.get('run', UNKNOWN))).name}, epoch {summary.get('epoch', UNKNOWN)}"
        found = [f"{summary[key]:.3f}" if known(summary, key) else "–" for key in columns]
        rows.append((what, run, "these" if own else "others", str(summary.get("images", UNKNOWN)), *found))
    explained = (
        "Rows with other weights are of other trainings, such as those that left a part of the images out. All scores "
        "are at the images' own size; docs/reference.md defines them."
    )
    return f"{table(titles, rows)}\n\n{explained}"


def scope_section(channels: int) -> str:
    """Returns what is in scope: what was measured, and not what can be read. `channels` are those of the images."""
    reads = "Grey and RGB images of 8 bits, 16 bits and floating-point numbers can be read."
    if channels not in (1, 3):
        reads = f"Images of {channels} channels of 8 bits, 16 bits and floating-point numbers can be read."
    return (
        f"{reads} That an image can be read does not mean that its cells are found. A kind of image is in scope only "
        "if a row above was measured on images of this kind: of this stain or contrast, grey or in colour, of this bit "
        "depth, and of this size of a pixel (such as 0.25 to 1 µm). For all other kinds the quality is not known."
    )
