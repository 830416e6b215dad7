"""Kinds of images: those of about one size that look alike."""

from __future__ import annotations

import math

import numpy as np

from images.choosing import has_colour


def kind_of(image: np.ndarray) -> str:
    """Returns the kind of an image, such as "2^16 pixels, dark, grey".

    Two images are of one kind if their numbers of pixels round to the same power of two, if the background of both is
    dark (fluorescence) or of both is bright (transmitted light), and if both have colour or neither has. More than half
    of most images is background, so that the median tells dark from bright.

    Args:
        image: [H, W, C] uint8.
    """
    size = round(math.log2(image.shape[0] * image.shape[1]))
    ground = "bright" if np.median(image) > 127 else "dark"
    return f"2^{size} pixels, {ground}, {'colour' if has_colour(image) else 'grey'}"
