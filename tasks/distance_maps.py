"""Label maps → normalised distance maps."""

from __future__ import annotations

import cv2
import numpy as np

STEPS = 254  # levels of a stored distance above 0; 255 is void


def distance_map(labels: np.ndarray) -> np.ndarray:
    """Returns how far inside its object each pixel lies, as a share of its deepest pixel: [H, W] float32 in [0, 1].

    For a pixel p of object O, D(p) is the Euclidean distance to the nearest pixel that is not in O, where another
    object counts as outside and the image's edge does not. The map is D over the largest D of O, and 0 outside.
    All objects are transformed at once: the distance is that to the nearest pixel on an inner border, plus one, which
    lies within 0.4 px of the transform of each object by itself.

    Args:
        labels: [H, W] integer ids, 0 is background.
    """
    numbers = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)  # ids may be any numbers
    if labels.size and labels.min() > 0:
        numbers = numbers + 1  # no background: the first object is not the background
    ids, square = numbers.astype(np.float32), np.ones((3, 3), np.uint8)
    border = (numbers > 0) & (
        cv2.dilate(ids, square, borderType=cv2.BORDER_REPLICATE)
        != cv2.erode(ids, square, borderType=cv2.BORDER_REPLICATE)
    )
    inside = cv2.distanceTransform((~border).astype(np.uint8), cv2.DIST_L2, 5) + 1
    inside[numbers == 0] = 0
    deepest = np.zeros(int(numbers.max(initial=0)) + 1, np.float32)
    np.maximum.at(deepest, numbers.ravel(), inside.ravel())
    deepest[0] = 1
    return inside / deepest[numbers]
