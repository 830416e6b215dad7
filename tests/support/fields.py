"""Drawn fields of view: smooth noise, which continues from tile to tile and never repeats by chance."""

import cv2
import numpy as np


def drawn_field(seed, height=512, width=512):
    """[height, width] uint8. Its structures are a dozen pixels wide, so that neighbouring lines are nearly alike."""
    noise = np.random.default_rng(seed).normal(size=(height, width))
    smooth = cv2.GaussianBlur(noise, (0, 0), 6)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def tiles_of(field, side=128):
    """{(row, column): tile [side, side]}."""
    places = [(y, x) for y in range(field.shape[0] // side) for x in range(field.shape[1] // side)]
    return {(y, x): field[y * side : (y + 1) * side, x * side : (x + 1) * side] for y, x in places}
