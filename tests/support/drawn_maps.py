"""Maps and label maps of drawn nuclei for tests of decoding."""

import cv2
import numpy as np

from datasets.prepare.drawing import make_sample
from tasks.border import border_map
from tasks.distance_maps import distance_map

SECOND = {  # method of decoding → its second map, made from true labels
    "distance": distance_map,
    "border": lambda labels: border_map(labels, 2.5).astype(np.float32),
    "watershed": np.zeros_like,
    "components": np.zeros_like,
}


def drawn_labels(side, *, piece=256, seed=7):
    """[side, side] int32: drawn label maps of `piece` pixels, side by side."""
    labels, last = np.zeros((side, side), np.int32), 0
    places = [(top, left) for top in range(0, side, piece) for left in range(0, side, piece)]
    for index, (top, left) in enumerate(places):
        drawn = make_sample(seed, index, size=piece).labels.astype(np.int32)
        labels[top : top + piece, left : left + piece] = np.where(drawn > 0, drawn + last, 0)
        last += drawn.max()
    return labels


def maps_of(labels, method, *, noise=0.0):
    """[2, H, W] float32 in [0, 1]: the maps of true labels, blurred and with smooth noise if asked for."""
    maps = np.stack([labels > 0, SECOND[method](labels)]).astype(np.float32)
    if not noise:
        return maps
    rng = np.random.default_rng(0)
    rough = [cv2.GaussianBlur(rng.standard_normal(m.shape).astype(np.float32), (0, 0), 1.5) * 3 * noise for m in maps]
    return np.stack([cv2.GaussianBlur(m, (0, 0), 2) + r for m, r in zip(maps, rough, strict=True)]).clip(0, 1)
