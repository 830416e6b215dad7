"""Draws fluorescence-like images of nuclei with exact masks and label maps: the pictures of the built-in data set."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

STAINS = ("red", "green")  # classes of the set whose masks overlap
REFERENCE_AREA = 128 * 128  # pixels; all counts of things in an image are given for this area
REACH = 19  # pixels from the centre of a nucleus to the edge of the square it is drawn in: the longest needs 18
SMALLEST = 24  # pixels: what the frame or a neighbour leaves visible of a nucleus must still look like one
TRIES = 40  # places that are tried for one nucleus; a crowded image may do without it


class Sample(NamedTuple):
    """One image and its label map; the mask is `labels > 0`."""

    image: np.ndarray  # [H, W, 3] uint8, RGB with three equal channels, nuclei bright on dark
    labels: np.ndarray  # [H, W] uint16, instance ids 1..n, 0 is background


def make_sample(seed: int, index: int, *, size: int = 128, stain: int = 0) -> Sample:
    """Draws image number `index` of the set `seed`, [size, size]. Every call gives the same pixels.

    Args:
        seed, index: ≥ 0; nothing else decides over the random numbers.
        size: height and width in pixels. In a larger image there are more nuclei, of the same 8 to 24 pixels.
        stain: 0, or ≥ 1 for another image of the same seed and index, which has nothing in common with the first.
    """
    rng = np.random.default_rng([seed, index, stain] if stain else [seed, index])
    labels, nuclei = _place_nuclei(rng, size)
    light = _through_optics(rng, nuclei, _draw_debris(rng, size))
    grey = _photograph(rng, light)
    return Sample(image=np.repeat(grey[:, :, None], 3, axis=2), labels=labels)


def _nucleus_count(rng: np.random.Generator, size: int) -> int:
    nearly_empty = rng.random() < 0.03
    low, high = (1, 3) if nearly_empty else (12, 26)
    return max(1, round(int(rng.integers(low, high)) * size * size / REFERENCE_AREA))


def _draw_nucleus(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """One nucleus in the middle of a square: (shape bool, light float32, mean radius in pixels)."""
    bent = rng.random() < 0.3
    radius = rng.uniform(4.8, 9.5 if bent else 11.5)
    stretch = rng.uniform(1.6, 2.1) if bent else rng.uniform(1.0, 1.7)
    long, short = radius * stretch**0.5, radius / stretch**0.5
    bend = rng.uniform(0.3, 0.6) if bent else 0.0
    power = 2.5 if bent else 2.0  # above 2 the ends are blunt; with 2 a bent nucleus would have two sharp ends
    turn = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1] + rng.uniform(-0.5, 0.5, (2, 1, 1))
    u = (np.cos(turn) * x + np.sin(turn) * y) / long
    v = (np.cos(turn) * y - np.sin(turn) * x) / short
    v = v + bend * (u**2 - 0.25)
    angle = np.arctan2(v, u)
    outline = 1 + sum(rng.uniform(0, 0.05) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in (2, 3, 4))
    depth = (np.abs(u) ** power + np.abs(v) ** power) ** (1 / power) / outline  # 0 in the middle, 1 on the outline

    brightness = np.exp(rng.uniform(np.log(0.24), 0.0))
    texture = cv2.GaussianBlur(rng.standard_normal(depth.shape), (0, 0), 1.6)
    texture = 1 + 0.13 * texture / texture.std()
    light = brightness * (1 - 0.3 * np.minimum(depth, 1) ** 3) * texture.clip(0.55, 1.4)
    return depth < 1, light.astype(np.float32), radius


def _place_nuclei(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Places nuclei one after the other, about half of them touching an earlier one, which lies on top.

    Returns:
        labels: [H, W] uint16, instance ids 1..n.
        light: [H, W] float32, 0 outside the nuclei, 1 for a bright one.
    """
    canvas = np.full((size + 2 * REACH, size + 2 * REACH), -1, np.int32)  # −1 is outside the frame
    frame = (slice(REACH, REACH + size),) * 2
    canvas[frame] = 0
    nuclei = np.zeros(canvas.shape, np.float32)
    placed: list[tuple[np.ndarray, float]] = []
    for _ in range(_nucleus_count(rng, size)):
        shape, light, radius = _draw_nucleus(rng)
        clumped = bool(placed) and rng.random() < 0.45
        for _ in range(TRIES):
            centre = _beside(rng, placed, radius) if clumped else rng.uniform(0, size, 2)
            if centre.min() < 0 or centre.max() >= size:
                continue
            row, column = (int(c) for c in centre)
            square = (slice(row, row + 2 * REACH + 1), slice(column, column + 2 * REACH + 1))
            visible = _visible(shape, canvas[square], clumped=clumped)
            if visible is not None:
                placed.append((centre, radius))
                canvas[square][visible] = len(placed)
                nuclei[square][visible] = light[visible]
                break
    return canvas[frame].astype(np.uint16), nuclei[frame].copy()


def _beside(rng: np.random.Generator, placed: list[tuple[np.ndarray, float]], radius: float) -> np.ndarray:
    """A centre, (row, column), at which a nucleus of this radius touches one that has been placed before."""
    centre, other = placed[rng.integers(len(placed))]
    turn = rng.uniform(0, 2 * np.pi)
    return centre + (radius + other) * rng.uniform(0.75, 0.95) * np.array([np.sin(turn), np.cos(turn)])


def _visible(shape: np.ndarray, canvas: np.ndarray, *, clumped: bool) -> np.ndarray | None:
    """The part of `shape` that is free on the canvas, or None if the nucleus must not lie here.

    At most a quarter of a clumped nucleus may be covered; a single one keeps its distance. The visible part must be one
    piece whose pixels share edges, so that it is one component whether or not diagonal neighbours count.
    """
    around = shape if clumped else cv2.dilate(shape.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    covered = np.count_nonzero(canvas[around] > 0)
    if covered > (0.25 * np.count_nonzero(shape) if clumped else 0):
        return None
    visible = shape & (canvas == 0)
    pieces = cv2.connectedComponents(visible.astype(np.uint8), connectivity=4)[0] - 1
    return visible if pieces == 1 and np.count_nonzero(visible) >= SMALLEST else None


def _draw_debris(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draws specks, fibres and haze, which are not nuclei: [H, W] float32, ≥ 0."""
    area = size * size / REFERENCE_AREA
    debris = np.zeros((size, size), np.float32)
    for _ in range(rng.poisson(5 * area)):
        debris += rng.uniform(1.0, 3.0) * _spot(rng, size, spread=rng.uniform(0.5, 1.2))
    for _ in range(rng.poisson(1.5 * area)):
        debris += rng.uniform(0.1, 0.3) * _spot(rng, size, spread=rng.uniform(8, 16))
    for _ in range(rng.poisson(0.8 * area)):
        fibre = np.zeros((size, size), np.uint8)
        cv2.polylines(fibre, [_fibre_path(rng, size)], False, 255, 1, cv2.LINE_AA, shift=4)
        debris += rng.uniform(0.4, 1.0) / 255 * fibre
    return debris


def _spot(rng: np.random.Generator, size: int, *, spread: float) -> np.ndarray:
    """A Gaussian spot of height 1 somewhere in the image: [H, W] float32; `spread` is its sigma in pixels."""
    offsets = np.arange(size) - rng.uniform(0, size, (2, 1))
    return np.outer(*np.exp(-(offsets**2) / (2 * spread**2)).astype(np.float32))


def _fibre_path(rng: np.random.Generator, size: int) -> np.ndarray:
    """A slightly curved line of 20 to 60 pixels: [16, 2] int32, (x, y) in sixteenths of a pixel."""
    turn = rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(turn), np.sin(turn)])
    across = np.array([-along[1], along[0]])
    step = np.linspace(-1, 1, 16)[:, None]
    path = rng.uniform(0, size, 2) + rng.uniform(10, 30) * step * along + rng.uniform(-8, 8) * step**2 * across
    return (path * 16).astype(np.int32)


def _through_optics(rng: np.random.Generator, nuclei: np.ndarray, debris: np.ndarray) -> np.ndarray:
    """Adds blur, glow from out of focus, background and an uneven lamp: [H, W] float32, 1 is a bright nucleus."""
    size = len(nuclei)
    sharp = cv2.GaussianBlur(nuclei + debris, (0, 0), rng.uniform(0.6, 1.3))
    glow = cv2.GaussianBlur(nuclei, (0, 0), 7) * rng.uniform(0.1, 0.35)
    background = rng.uniform(0.03, 0.10) + rng.uniform(0.05, 0.25) * _ramp(rng, size)
    lamp = 1 - rng.uniform(0.35, 0.7) * _ramp(rng, size)
    return ((sharp + glow + background) * lamp).astype(np.float32)


def _ramp(rng: np.random.Generator, size: int) -> np.ndarray:
    """A curved slope from 0 at one corner or side to 1 at the opposite one: [H, W] float64."""
    turn = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:size, :size] / (size - 1) - 0.5
    slope = np.cos(turn) * x + np.sin(turn) * y
    slope = (slope - slope.min()) / (slope.max() - slope.min())
    return slope ** rng.uniform(0.8, 1.6)


def _photograph(rng: np.random.Generator, light: np.ndarray) -> np.ndarray:
    """Takes the picture with a camera of 8 bits that adds photon noise and read noise: [H, W] uint8."""
    photons = rng.uniform(250, 600)  # at light 1
    noisy = rng.poisson(light * photons) / photons + rng.normal(0, 0.008, light.shape)
    gain, offset = rng.uniform(170, 240), rng.uniform(4, 12)
    return np.clip(np.rint(noisy * gain + offset), 0, 255).astype(np.uint8)


def make_stained(seed: int, index: int, *, size: int = 128) -> tuple[np.ndarray, dict[str, np.ndarray], int]:
    """Draws two stains, in the red and the green channel, whose nuclei overlap.

    Returns:
        The image [H, W, 3] uint8, RGB; stain → mask [H, W] bool; the number of nuclei.
    """
    drawn = [make_sample(seed, index, size=size, stain=stain) for stain in range(len(STAINS))]
    grey = [sample.image[..., 0] for sample in drawn]
    masks = {name: sample.labels > 0 for name, sample in zip(STAINS, drawn, strict=True)}
    return np.dstack([*grey, np.zeros_like(grey[0])]), masks, sum(int(sample.labels.max()) for sample in drawn)
