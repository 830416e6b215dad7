"""Chooses the images that the page of a run shows, and draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from images.reading import decode_labels, read_bytes
from inference.files.cell_files import CellFiles
from inference.files.class_files import ClassFiles
from inference.files.score_report import ScoredSamples, best_median_worst
from metrics import ERRORS
from report.pictures import PIXEL_ERRORS, Scene, categories, data_uri, error_map, outlines, scene_of_cells, window_of
from report.tables import Row, number
from system.errors import ReportedError
from system.names import shown
from system.void import VOID

SHOWN = {"worst": 4, "median": 2, "best": 2}  # images in each group


@dataclass(frozen=True)
class Example:
    """One image on the page.

    Attributes:
        name: the id of the image.
        scores: name → text.
        errors: what is wrong, in words.
        part: which part of the image is shown; "" for the whole image.
        outlines, error_map: data URIs of JPEG files; "" if the image cannot be read.
        size: (height, width) of both in pixels.
        fault: why the image cannot be read; "" if it can.
    """

    name: str
    scores: dict[str, str]
    errors: str = ""
    part: str = ""
    outlines: str = ""
    error_map: str = ""
    size: tuple[int, int] = (0, 0)
    fault: str = ""


def examples_of(
    results: Path, samples: ScoredSamples, rows: Sequence[Row], *, score: str
) -> list[tuple[str, list[Example]]]:
    """Draws the worst, the median and the best images, at most as many as `SHOWN` says.

    Args:
        results: the folder that val.py has written.
        samples: the samples that were scored, in any order.
        rows: the rows of scores.csv.
        score: the column that ranks the images.

    Returns:
        The title and the images of each group: the worst first, and of the best group the best first.
    """
    order = np.argsort([-(number(row.get(score)) or 0.0) for row in rows], kind="stable")
    groups, shown_before = dict(best_median_worst(order, max(SHOWN.values()))), set()
    groups["worst"].reverse()
    for title in ("worst", "best", "median"):  # of one or two images the groups are not disjoint
        group = [index for index in groups[title] if index not in shown_before]
        first = max(0, len(group) - SHOWN[title]) // 2 if title == "median" else 0
        groups[title] = group[first : first + SHOWN[title]]
        shown_before.update(groups[title])
    places = {sample.id: place for place, sample in enumerate(samples.samples)}
    return [
        (title, [_example(results, samples, places, rows[index]) for index in groups[title]])
        for title in SHOWN
        if groups[title]
    ]


def _example(results: Path, samples: ScoredSamples, places: dict[str, int], row: Row) -> Example:
    name = shown(row["id"])
    titles = {"ap_50": "AP@.5", "iou_image_size": "IoU"}
    scores = {title: f"{float(row[column]):.3f}" for column, title in titles.items() if row.get(column)}
    if row["id"] not in places:
        return Example(name, scores, fault="it is no longer in the data folder")
    try:
        scene = _scene(results, samples, places[row["id"]], cells=bool(row.get("ap_50")))
    except (ReportedError, ValueError) as error:  # a ValueError: the image has another size than its results
        return Example(name, scores, fault=shown(str(error)))
    found = categories(scene)
    window = window_of(np.any(list(found.values()), axis=0))
    picture = outlines(scene, window)
    return Example(
        name,
        scores,
        errors=_words_of_cells(scene) if scene.errors else _words_of_pixels(found),
        part=_part(window, scene.image.shape[:2]),
        outlines=data_uri(picture),
        error_map=data_uri(error_map(scene, window)),
        size=picture.shape[:2],
    )


def _scene(results: Path, samples: ScoredSamples, index: int, *, cells: bool) -> Scene:
    """Reads one image, its truth, and its prediction from the results.

    Raises:
        ReportedError: a file cannot be read.
        ValueError: the image has another size than its results.
    """
    image, target = samples.at_file_size(index)
    name = samples.samples[index].id
    if cells:
        path = CellFiles(results).label_path(name)
        prediction = decode_labels(read_bytes(path), str(path)).astype(np.int32)
        _require_size(image, prediction)
        return scene_of_cells(image, samples.labels(index, at_file_size=True), prediction)
    truth = samples.task.foreground(target)
    prediction = ClassFiles(results, samples.task).read(name)
    _require_size(image, prediction)
    void = target == VOID
    if void.shape != truth.shape:  # class indices, or a second channel that separates cells
        void = np.repeat(void[..., :1], truth.shape[2], axis=2)
    return Scene(image, truth, prediction, void=void)


def _require_size(image: np.ndarray, prediction: np.ndarray) -> None:
    if image.shape[:2] != prediction.shape[:2]:
        raise ValueError(f"it has {image.shape[:2]} pixels now, and its results have {prediction.shape[:2]}")


def _words_of_cells(scene: Scene) -> str:
    counts = scene.errors[0].counts()
    return ", ".join(f"{counts[name]} {name}" for name in ERRORS if counts[name]) or "no error"


def _words_of_pixels(found: dict[str, np.ndarray]) -> str:
    shares = {name: float(found[name].mean()) for name in PIXEL_ERRORS if found[name].any()}
    return ", ".join(f"{share:.1%} of the pixels {name}" for name, share in shares.items()) or "no error"


def _part(window: tuple[slice, slice], shape: tuple[int, int]) -> str:
    rows, columns = window
    if (rows.stop - rows.start, columns.stop - columns.start) == tuple(shape):
        return ""
    return f"rows {rows.start} to {rows.stop - 1}, columns {columns.start} to {columns.stop - 1}"
