"""Draws one image of a page: the outlines of truth and prediction, and a map of the errors."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import numpy as np

from images.resize import resize_image, resize_labels, resize_mask
from images.writing import encode_jpeg
from inference.files.class_files import class_colours
from inference.files.overlays import PREDICTION, TRUTH, draw_cells, draw_contours, stretched
from metrics import ObjectErrors, match_labels, object_errors

SIDE = 400  # of a picture in pixels, the longer one
WINDOW = 800  # side in pixels of the part that is shown of a larger image
# Of Okabe and Ito 2008, which people with any kind of colour vision can distinguish; RGB.
COLOURS = {"missed": (213, 94, 0), "extra": (86, 180, 233), "merged": (240, 228, 66), "split": (204, 121, 167)}
FOUND = (255, 255, 255)
PIXEL_ERRORS = ("missed", "extra", "wrong class")
PIXEL_COLOURS = {"missed": COLOURS["missed"], "extra": COLOURS["extra"], "wrong class": COLOURS["merged"]}


@dataclass(frozen=True)
class Scene:
    """One image with its truth and its prediction.

    Attributes:
        image: [H, W, C] uint8.
        truth, prediction: label maps [H, W] int32, or masks [H, W, K] uint8 {0, 1} of the classes that are drawn.
        void: [H, W, K] bool, pixels of masks whose truth is unknown; None if there are none.
        errors: those of the cells, with the ids of the true and of the predicted ones; None for masks.
    """

    image: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray
    void: np.ndarray | None = None
    errors: tuple[ObjectErrors, np.ndarray, np.ndarray] | None = None


def scene_of_cells(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> Scene:
    """Compares the label maps [H, W] of an image [H, W, C] uint8."""
    overlap = match_labels(truth, prediction)
    errors = object_errors(overlap), overlap.true_ids, overlap.ids
    return Scene(image, truth.astype(np.int32), prediction.astype(np.int32), errors=errors)


def categories(scene: Scene) -> dict[str, np.ndarray]:
    """Returns name of an error → its pixels, [H, W] bool, in the order of painting: a later one hides an earlier one.

    Of cells, a whole cell has the error: merged and extra ones are predicted cells, split and missed ones true cells.
    Of masks, a pixel is `wrong class` if it is missed in one class and extra in another.
    """
    if scene.errors is None:
        unknown = np.zeros(scene.truth.shape, bool) if scene.void is None else scene.void
        missed = ((scene.truth > scene.prediction) & ~unknown).any(axis=2)
        extra = ((scene.truth < scene.prediction) & ~unknown).any(axis=2)
        return {"missed": missed & ~extra, "extra": extra & ~missed, "wrong class": missed & extra}
    errors, true_ids, ids = scene.errors
    return {
        "extra": np.isin(scene.prediction, ids[errors.extra]),
        "missed": np.isin(scene.truth, true_ids[errors.missed]),
        "split": np.isin(scene.truth, true_ids[errors.split]),
        "merged": np.isin(scene.prediction, ids[errors.merged]),
    }


def window_of(wrong: np.ndarray, side: int = WINDOW) -> tuple[slice, slice]:
    """Returns the rows and columns of the square window of [H, W] bool that has the most true pixels.

    An axis that is not longer than `side` is taken whole. Windows are compared in steps of an eighth of `side`.
    """
    height, width = (min(side, length) for length in wrong.shape)
    sums = np.pad(wrong.cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32), ((1, 0), (1, 0)))
    step = max(1, side // 8)
    tops = np.unique(np.append(np.arange(0, wrong.shape[0] - height + 1, step), wrong.shape[0] - height))
    lefts = np.unique(np.append(np.arange(0, wrong.shape[1] - width + 1, step), wrong.shape[1] - width))
    rows, columns = tops[:, None], lefts[None]
    inside = sums[rows + height, columns + width] - sums[rows, columns + width]
    inside += sums[rows, columns] - sums[rows + height, columns]
    top, left = np.unravel_index(inside.argmax(), inside.shape)
    top, left = int(tops[top]), int(lefts[left])
    return slice(top, top + height), slice(left, left + width)


def outlines(scene: Scene, window: tuple[slice, slice]) -> np.ndarray:
    """Draws the image with the outlines of truth and prediction, [h, w, 3] uint8 RGB; green and magenta.

    With several classes the outlines have the colours of the classes, and those of the prediction are dark inside.
    """
    picture, size = _base(scene, window)
    for shapes, colour in ((scene.truth[window], TRUTH), (scene.prediction[window], PREDICTION)):
        if shapes.ndim == 2:
            draw_cells(picture, resize_labels(shapes, size), [colour])
        elif shapes.shape[2] == 1:
            draw_contours(picture, resize_mask(shapes[..., 0], size), colour)
        else:
            for number, class_colour in enumerate(class_colours(shapes.shape[2])):
                mask = resize_mask(shapes[..., number], size)
                draw_contours(picture, mask, class_colour, thickness=3 if colour is TRUTH else 1)
                if colour is PREDICTION:
                    draw_contours(picture, mask, (0, 0, 0))
    return picture


def error_map(scene: Scene, window: tuple[slice, slice]) -> np.ndarray:
    """Draws the darkened image with the errors in their colours, [h, w, 3] uint8 RGB.

    White lines surround the true cells, and black ones the predicted cells of a split.
    """
    picture, size = _base(scene, window)
    grey = picture.mean(axis=2, keepdims=True) * 0.5
    picture = np.repeat(grey, 3, axis=2).astype(np.uint8)
    colours = COLOURS if scene.errors else PIXEL_COLOURS
    painted = {name: resize_mask(pixels[window], size) > 0 for name, pixels in categories(scene).items()}
    for name, pixels in painted.items():
        picture[pixels] = (0.3 * grey + 0.7 * np.array(colours[name]))[pixels].astype(np.uint8)
    if scene.errors:
        truth, prediction = (resize_labels(one[window], size) for one in (scene.truth, scene.prediction))
        draw_cells(picture, truth, [FOUND])
        draw_cells(picture, np.where(painted["split"], prediction, 0), [(0, 0, 0)])
    return picture


def _base(scene: Scene, window: tuple[slice, slice]) -> tuple[np.ndarray, tuple[int, int]]:
    """Returns the window of the image with stretched contrast, and its (height, width) on the page."""
    image = scene.image[window]
    size = page_size(image.shape[:2])
    return stretched(resize_image(image[..., :3], size)).copy(), size


def page_size(shape: tuple[int, int], side: int = SIDE) -> tuple[int, int]:
    """Returns (height, width) of a picture whose longer side has `side` pixels, with the proportions of `shape`."""
    scale = side / max(shape)
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def data_uri(picture: np.ndarray, *, quality: int = 82) -> str:
    """Encodes [h, w, 3] uint8 RGB as a JPEG that stands in the page itself."""
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(picture, quality=quality)).decode("ascii")


def thumbnail(picture: np.ndarray, side: int) -> np.ndarray:
    """Shrinks [H, W, 3] uint8 until no side is longer than `side`; a smaller picture stays as it is."""
    size = page_size(picture.shape[:2], min(side, max(picture.shape[:2])))
    return cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
