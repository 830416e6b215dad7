"""Pairs of small label maps, drawn at random, with all that makes scores of objects hard."""

import numpy as np

SHAPE = (9, 12)
DTYPES = (np.uint8, np.uint16, np.int32, np.int64)
IDS = np.arange(1, 250)


def random_labels(rng, objects=6):
    """A map with 1 to `objects` rectangles. They may touch or hide each other, and their ids have gaps."""
    labels = np.zeros(SHAPE, np.int64)
    for number in rng.choice(IDS, rng.integers(1, objects + 1), replace=False):
        height, width = (1, 1) if rng.random() < 0.2 else rng.integers(1, 6, 2)
        top, left = rng.integers(0, SHAPE[0] - height + 1), rng.integers(0, SHAPE[1] - width + 1)
        labels[top : top + height, left : left + width] = number
    return labels


def imitate(rng, truth):
    """A prediction for a true map: moved by up to a pixel, with other ids. Objects are lost, merged, or cut in two."""
    moved = np.roll(truth, rng.integers(-1, 2, 2), axis=(0, 1))
    old = np.unique(moved[moved > 0])
    new = rng.choice(IDS, len(old), replace=False)
    found = np.zeros_like(moved)
    for before, number in zip(old, new, strict=True):
        fate = rng.choice(["kept", "lost", "merged", "cut"], p=[0.6, 0.1, 0.15, 0.15])
        found[moved == before] = {"kept": number, "lost": 0, "merged": new[0], "cut": number}[fate]
        if fate == "cut":
            pixels = np.flatnonzero(moved == before)
            found.ravel()[pixels[len(pixels) // 2 :]] = 250 + rng.integers(5)
    return found


def random_pair(seed):
    """Returns truth, prediction and void pixels (or None). The kind of the pair depends on seed % 10."""
    rng, kind = np.random.default_rng(seed), seed % 10
    truth = random_labels(rng)
    found = random_labels(rng) if kind in (0, 1) else imitate(rng, truth)
    void = rng.random((SHAPE[0] // 3, SHAPE[1] // 3)).repeat(3, 0).repeat(3, 1) < 0.3 if kind in (2, 3, 4) else None
    if kind == 5:
        truth[:], found[:] = truth * (seed % 3 == 1), found * (seed % 3 == 2)  # one of them is empty, or both
    return truth.astype(DTYPES[seed % 4]), found.astype(DTYPES[seed // 4 % 4]), void
