"""Label maps with everything that outlines and codes find hard, and the pixels of outlines without our own code."""

import numpy as np

RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]])  # its hole touches the outside at a corner
NESTED = np.array(  # one cell of two parts, one of which lies in the hole of the other
    [[7, 7, 7, 7, 7], [7, 0, 0, 0, 7], [7, 0, 7, 0, 7], [7, 0, 0, 0, 7], [7, 7, 7, 7, 7]]
)
DIAGONAL = np.array([[3, 0], [0, 3]])


def noise(seed):
    """A map of up to 14 × 14 pixels, in which nearly every cell has holes and parts, and ids may have gaps."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, rng.integers(2, 5), rng.integers(1, 15, 2))
    return ids * int(rng.choice([1, 7, 10**6, 10**8]))


def discs(count, *, side=12):
    """`count` discs of different sizes in a grid, numbered from 1: [H, W] int32."""
    across = int(np.ceil(np.sqrt(count)))
    y, x = np.indices((side, side)) - (side - 1) / 2
    radius = np.hypot(x, y)
    labels = np.zeros((across * side, across * side), np.int32)
    for number in range(count):
        top, left = number // across * side, number % across * side
        labels[top : top + side, left : left + side][radius < 3 + number % 7 / 3] = number + 1
    return labels


def filled(rings, shape):
    """How often each pixel lies inside of the closed lines along pixel edges, by the rule of even and odd: bool."""
    inside = np.zeros(shape, bool)
    for ring in rings:
        points = [tuple(map(int, point)) for point in ring]
        for (x, y), (to_x, to_y) in zip(points, points[1:] + points[:1], strict=True):
            if x == to_x:
                inside[min(y, to_y) : max(y, to_y), x:] ^= True
    return inside
