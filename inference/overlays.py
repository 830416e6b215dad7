"""Pictures of predictions that a person can judge: outlines on the image, several images on a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from datasets.resize import resize_image, resize_mask

TRUTH, PREDICTION = (0, 230, 118), (255, 64, 200)  # RGB: green and magenta, apart for most kinds of colour blindness
TILE = 256  # pixels a side
MARGIN, LINE, BACKGROUND, INK = 8, 22, 24, (235, 235, 235)


@dataclass(frozen=True)
class Overlay:
    """One picture of a sheet: image [H, W, 3] uint8 RGB, truth and prediction [H, W, K] {0, 1}."""

    caption: str
    image: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray


def draw_outlines(overlay: Overlay) -> np.ndarray:
    """[TILE, TILE, 3] uint8 RGB: the image, centred, stretched in contrast, with the outlines of both masks."""
    height, width = overlay.image.shape[:2]
    scale = TILE / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    picture = stretched(resize_image(overlay.image, size))
    for masks, colour in ((overlay.truth, TRUTH), (overlay.prediction, PREDICTION)):
        for k in range(masks.shape[-1]):
            draw_contours(picture, resize_mask(masks[..., k], size), colour)
    tile = np.full((TILE, TILE, 3), BACKGROUND, np.uint8)
    top, left = (TILE - size[0]) // 2, (TILE - size[1]) // 2
    tile[top : top + size[0], left : left + size[1]] = picture
    return tile


def stretched(image: np.ndarray) -> np.ndarray:
    """[H, W, C] uint8, C 1 or 3 → [H, W, 3] uint8 RGB with its contrast stretched to the full range."""
    low, high = np.percentile(image, (0.5, 99.5))
    levels = np.clip((np.arange(256) - low) * (255 / max(high - low, 1)), 0, 255).astype(np.uint8)
    return np.repeat(levels[image], 3 // image.shape[2], axis=2)


def draw_contours(picture: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int], *, thickness: int = 1) -> None:
    """Draws the outlines of a mask [H, W] {0, 1} into [H, W, 3] uint8 RGB."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, colour, thickness)


def contact_sheet(rows: Sequence[tuple[str, Sequence[Overlay]]]) -> np.ndarray:
    """[H, W, 3] uint8 RGB: one titled row per group, a legend on top."""
    columns = max(len(overlays) for _, overlays in rows)
    step = TILE + MARGIN
    band = LINE + TILE + LINE + MARGIN
    sheet = np.full((LINE + MARGIN + len(rows) * band, MARGIN + columns * step, 3), BACKGROUND, np.uint8)
    _write(sheet, "truth", MARGIN, LINE - 5, TRUTH)
    _write(sheet, "prediction", MARGIN + 60, LINE - 5, PREDICTION)
    for number, (title, overlays) in enumerate(rows):
        top = LINE + MARGIN + number * band
        _write(sheet, title, MARGIN, top + LINE - 5, INK)
        for column, overlay in enumerate(overlays):
            left = MARGIN + column * step
            sheet[top + LINE : top + LINE + TILE, left : left + TILE] = draw_outlines(overlay)
            _write(sheet, overlay.caption[:30], left, top + LINE + TILE + LINE - 6, INK)
    return sheet


def _write(sheet: np.ndarray, text: str, x: int, y: int, colour: tuple[int, int, int]) -> None:
    cv2.putText(sheet, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
