"""Drawn images of bright cells, and the changes that a prediction should warn about."""

import cv2
import numpy as np


def drawn_cells(seed, *, size=128, radius=7, colours=False):
    """Bright discs on a dark ground, with noise and blur: image [H, W, 1 or 3] uint8, label map [H, W] int32."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((size, size), np.int32)
    for number in range(1, 15):
        y, x = (int(value) for value in rng.integers(radius, size - radius, 2))
        cv2.circle(labels, (x, y), int(radius * rng.uniform(0.8, 1.2)), number, -1)
    light = (labels > 0) * rng.uniform(100, 140) + rng.normal(0, 12, labels.shape)
    light = cv2.GaussianBlur(light.astype(np.float32), (0, 0), rng.uniform(1.0, 1.6))
    planes = light[..., None] * ((1.0, 0.5, 0.8) if colours else (1.0,))
    return np.clip(20 + planes + rng.normal(0, 0.5, planes.shape), 0, 255).astype(np.uint8), labels


def twice_as_large(image):
    """[H, W] or [H, W, 1] → [2 H, 2 W, 1]."""
    return cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)[..., None]


def half_as_large(image):
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)[..., None]


def blurred(image):
    return cv2.GaussianBlur(image, (0, 0), 4)[..., None]


def inverted(image):
    return 255 - image


def coloured(image):
    """A grey image as one in pink and violet."""
    return np.dstack([image, image // 3, image // 2 + 60]).astype(np.uint8)
