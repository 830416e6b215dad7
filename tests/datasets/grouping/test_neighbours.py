"""Neighbours are found in drawn fields that are cut into tiles, and nothing is found among unrelated tiles."""

import cv2
import numpy as np
import pytest
from support.fields import drawn_field, tiles_of

import datasets.grouping.neighbours as module
from datasets.grouping.neighbours import APART, agreement, near_duplicates, neighbours, partners
from datasets.grouping.views import view_of

FIELD = tiles_of(drawn_field(0))
UNRELATED = [next(iter(tiles_of(drawn_field(seed, 128, 128)).values())) for seed in range(1, 17)]


def views(images):
    return [view_of(image[..., None]) for image in images]


def beside(places):
    """The pairs of numbers of tiles that share a side."""
    return [
        (a, b)
        for a, (y, x) in enumerate(places)
        for b, (v, u) in enumerate(places)
        if (v, u) in ((y, x + 1), (y + 1, x))
    ]


def test_all_neighbours_of_a_field_are_found_and_no_other_tile_is():
    found = neighbours(views([*FIELD.values(), *UNRELATED]))
    assert len(found) == 24  # a grid of 4×4 tiles has 12 inner sides across, and 12 down
    assert found == sorted(beside(list(FIELD)))


def test_edges_that_do_not_face_each_other_and_unrelated_tiles_find_nothing():
    assert neighbours(views([*FIELD.values(), *UNRELATED]), APART) == []
    assert neighbours(views(UNRELATED)) == []
    one_apart = [tile for (y, x), tile in FIELD.items() if (y + x) % 2]  # as on a chessboard, none shares a side
    assert neighbours(views(one_apart)) == []


def test_tiles_of_another_brightness_or_size_do_not_continue():
    (left, right) = (FIELD[0, 0], FIELD[0, 1])
    assert neighbours(views([left, right])) == [(0, 1)]
    assert neighbours(views([left, right // 2 + 100])) == []  # their correlation is still 1
    assert neighbours(views([left, right[:, :100]])) == []


def test_light_that_falls_off_alike_in_all_images_makes_no_neighbours():
    """The border of each image is nearly the same curve, so every edge agrees with every other."""
    light = 255 * np.outer(np.hanning(130)[1:-1] + 0.2, np.hanning(130)[1:-1] + 0.2) / 1.44
    rng = np.random.default_rng(0)
    images = [np.clip(light + rng.normal(size=light.shape), 0, 255).astype(np.uint8) for _ in range(12)]
    lines = [image[:, 0].astype(float) for image in images]
    assert agreement(np.stack(lines), np.stack(lines)).min() > module.AGREEMENT  # the reason for `LEAD`
    assert neighbours(views(images)) == []


def test_constant_edges_have_no_partner():
    assert neighbours(views([np.full((16, 16), 7, np.uint8)] * 3)) == []


def test_agreement_is_lin_s_coefficient():
    """x = 1, 2, 3 and y = 2, 3, 4: covariance and variances 2/3, means apart by 1: 2·(2/3) / (2/3 + 2/3 + 1) = 4/7."""
    x, y = np.array([[1.0, 2, 3]]), np.array([[2.0, 3, 4], [1, 2, 3], [3, 2, 1], [5, 5, 5]])
    np.testing.assert_allclose(agreement(x, y), [[4 / 7, 1, -1, 0]], atol=1e-12)


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(3)
    lines = rng.normal(size=(23, 40))
    others = np.roll(lines, 1, axis=0) + 0.1 * rng.normal(size=lines.shape)  # row n continues in row n + 1
    whole = list(partners(lines, others))
    assert whole == [(n, (n + 1) % 23) for n in range(23)]
    hashes = views([*FIELD.values(), FIELD[0, 0]])
    for entries in (1, 23 * 5):
        monkeypatch.setattr(module, "ENTRIES", entries)
        assert list(partners(lines, others)) == whole
        assert near_duplicates(hashes) == [(0, 16)]


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image // 2 + 60,
        lambda image: cv2.resize(image, (96, 96), interpolation=cv2.INTER_AREA),
        lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 0),
        lambda image: image.astype(np.uint16) * 200,
    ],
    ids=["darker", "smaller", "JPEG", "16 bit"],
)
def test_near_duplicates_are_found_and_nothing_else(change):
    images = [*FIELD.values(), *UNRELATED]
    assert near_duplicates(views(images)) == []
    assert near_duplicates(views([*images, change(images[5])])) == [(5, len(images))]


def test_images_without_contrast_are_no_duplicates():
    assert near_duplicates(views([np.full((16, 16), 7, np.uint8)] * 2)) == []
