"""Random label maps for tests of measurements: touching, cut, hollow, scattered and one-pixel cells, ids with gaps."""

import numpy as np

LARGEST = 2**31 - 1


def random_labels(seed):
    """[H, W] of some integer dtype. Every third map is noise, whose cells are scattered over the whole image."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 70, 2)
    if seed % 3 == 2:
        labels = rng.integers(0, rng.integers(2, 30), (height, width))
    else:
        labels = np.zeros((height, width), np.int64)
        rows, columns = np.indices(labels.shape)
        for number in range(1, rng.integers(2, 40)):
            y, x = rows - rng.uniform(0, height), columns - rng.uniform(0, width)
            angle, stretch = rng.uniform(0, np.pi), rng.uniform(0.4, 2.5)
            along, across = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
            distance = np.hypot(along * stretch, across / stretch)
            radius = rng.uniform(0.5, 15)
            inner = rng.choice([0, 0.5]) * radius  # a ring, through which other cells are seen
            labels[(distance <= radius) & (distance >= inner)] = number
    if not labels.any():
        labels[0, 0] = 1
    if seed % 2:  # ids with gaps, up to the largest one that a label map may have
        labels = np.r_[0, np.sort(rng.choice(LARGEST - 1, labels.max() - 1, replace=False)) + 1, LARGEST][labels]
    return labels.astype([np.int32, np.uint32, np.int64, np.uint64][seed % 4])


def random_pixels(seed, shape):
    """[H, W, C] of one to three channels: 8 or 16 bits, or floats with little variation around a large value."""
    rng = np.random.default_rng(seed)
    shape = (*shape, rng.integers(1, 4))
    if seed % 3 == 0:
        return rng.normal(50_000, 0.01, shape)
    return rng.integers(0, 2 ** (8 * (seed % 3)), shape).astype((None, np.uint8, np.uint16)[seed % 3])
