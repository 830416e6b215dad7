"""Draws pictures by which a person can judge predictions: outlines on an image, and several images on a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from images.resize import resize_image, resize_labels, resize_mask
from inference.files.class_files import class_colours

Colour = tuple[int, int, int]  # RGB
TRUTH, PREDICTION = (0, 230, 118), (255, 64, 200)  # green and magenta differ for most kinds of colour blindness
SHOWN = 3  # channels
TILE = 256  # side in pixels
MARGIN, LINE, BACKGROUND, INK = 8, 22, 24, (235, 235, 235)


@dataclass(frozen=True)
class Overlay:
    """One image of a sheet.

    Attributes:
        image: [H, W, C] uint8, drawn as `stretched` does.
        truth, prediction: masks [H, W, K] {0, 1}, or label maps [H, W].
    """

    caption: str
    image: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray


def draw_outlines(image: np.ndarray, shapes: Sequence[np.ndarray], colours: Sequence[Colour]) -> np.ndarray:
    """Draws an image, centred and with stretched contrast, and outlines on it: [TILE, TILE, 3] uint8 RGB.

    Args:
        image: [H, W, C] uint8, drawn as `stretched` does.
        shapes: masks [H, W] uint8 or bool, or label maps [H, W] of wider integers.
        colours: the colour of the outlines of each of them.
    """
    height, width = image.shape[:2]
    scale = TILE / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    picture = stretched(resize_image(image[..., :SHOWN], size))
    for shape, colour in zip(shapes, colours, strict=True):
        if shape.dtype.itemsize == 1:
            draw_contours(picture, resize_mask(shape, size), colour)
        else:
            draw_cells(picture, resize_labels(shape, size), [colour])
    tile = np.full((TILE, TILE, 3), BACKGROUND, np.uint8)
    top, left = (TILE - size[0]) // 2, (TILE - size[1]) // 2
    tile[top : top + size[0], left : left + size[1]] = picture
    return tile


def stretched(image: np.ndarray) -> np.ndarray:
    """Stretches the contrast of [H, W, C] uint8 to the full range and returns [H, W, 3] uint8 RGB.

    One channel is grey, three are RGB, two are red and green. Of more channels the first three are shown as RGB.
    """
    image = image[..., :SHOWN]
    low, high = np.percentile(image, (0.5, 99.5))
    levels = np.clip((np.arange(256) - low) * (255 / max(high - low, 1)), 0, 255).astype(np.uint8)
    picture = levels[image]
    if picture.shape[2] == 2:
        return np.dstack([picture, np.zeros_like(picture[..., 0])])
    return np.repeat(picture, 3 // picture.shape[2], axis=2)


def draw_contours(picture: np.ndarray, mask: np.ndarray, colour: Colour, *, thickness: int = 1) -> None:
    """Draws the outlines of a mask [H, W] {0, 1} into [H, W, 3] uint8 RGB."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, colour, thickness)


def draw_cells(picture: np.ndarray, labels: np.ndarray, colours: Sequence[Colour], *, thickness: int = 1) -> None:
    """Draws one outline per cell, inside of it, into [H, W, 3] uint8 RGB. The colours repeat from label to label.

    Args:
        labels: [H, W] integers, 0 is background.
        thickness: width of the lines in pixels.
    """
    edge = np.zeros(labels.shape, np.uint8)
    for near, far in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differs = labels[near] != labels[far]
        edge[near] |= differs
        edge[far] |= differs
    if thickness > 1:
        edge = cv2.dilate(edge, np.ones((thickness, thickness), np.uint8))
    drawn = (edge > 0) & (labels > 0)
    picture[drawn] = np.array(colours, np.uint8)[labels[drawn] % len(colours)]


def contact_sheet(
    rows: Sequence[tuple[str, Sequence[Overlay]]],
    classes: Sequence[str] = (),
    *,
    names: tuple[str, str] = ("truth", "prediction"),
) -> np.ndarray:
    """Draws a sheet with a legend on top and a row with a title for each group: [H, W, 3] uint8 RGB.

    Args:
        rows: title and images of each group.
        classes: names of the masks' channels. If there are several, truth and prediction are drawn side by side, with
            one colour per class.
        names: what truth and prediction are called.
    """
    several = len(classes) > 1
    legend = list(zip(classes, class_colours(len(classes)), strict=True)) if several else []
    groups = [(title, [tile for overlay in row for tile in _tiles(overlay, several=several)]) for title, row in rows]
    columns = max(len(tiles) for _, tiles in groups)
    step = TILE + MARGIN
    band = LINE + TILE + LINE + MARGIN
    sheet = np.full((LINE + MARGIN + len(rows) * band, MARGIN + columns * step, 3), BACKGROUND, np.uint8)
    left = MARGIN
    for name, colour in legend or zip(names, (TRUTH, PREDICTION), strict=True):
        left = _write(sheet, name, left, LINE - 5, colour) + 2 * MARGIN
    for number, (title, tiles) in enumerate(groups):
        top = LINE + MARGIN + number * band
        _write(sheet, title, MARGIN, top + LINE - 5, INK)
        for column, (caption, tile) in enumerate(tiles):
            left = MARGIN + column * step
            sheet[top + LINE : top + LINE + TILE, left : left + TILE] = tile
            _write(sheet, caption[:36], left, top + LINE + TILE + LINE - 6, INK)
    return sheet


def _tiles(overlay: Overlay, *, several: bool) -> list[tuple[str, np.ndarray]]:
    """Returns the caption and the picture of each tile that a sheet shows for one image."""
    if not several:
        both = [shapes if shapes.ndim == 2 else shapes[..., 0] for shapes in (overlay.truth, overlay.prediction)]
        return [(overlay.caption, draw_outlines(overlay.image, both, [TRUTH, PREDICTION]))]
    colours = class_colours(overlay.truth.shape[-1])
    truth, prediction = (
        draw_outlines(overlay.image, np.moveaxis(masks, 2, 0), colours) for masks in (overlay.truth, overlay.prediction)
    )
    return [(f"truth  {overlay.caption}", truth), ("prediction", prediction)]


def _write(sheet: np.ndarray, text: str, x: int, y: int, colour: Colour) -> int:
    """Writes `text` from column `x` on and returns the column where it ends."""
    cv2.putText(sheet, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    return x + cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0]
