"""Masks, label maps and class maps are told apart by their pixels."""

import cv2
import numpy as np
import pytest

from datasets.folder.recognition import FILES, look_at


def discs(seed, *, values, size=96, radius=7, at_once=False):
    """Discs that do not overlap; each has the next of `values`, or all of them share one in turn."""
    rng, picture = np.random.default_rng(seed), np.zeros((size, size), np.uint16)
    centres = [(x, y) for x in range(12, size - 8, 20) for y in range(12, size - 8, 20)]
    chosen = rng.permutation(len(centres))[: len(values) if at_once else rng.integers(6, 12)]
    for number, place in enumerate(chosen):
        cv2.circle(picture, centres[place], radius, int(values[number % len(values)]), -1)
    return picture


def write(folder, pictures):
    paths = []
    for number, picture in enumerate(pictures):
        paths.append(folder / f"{number:03d}.png")
        assert cv2.imwrite(str(paths[-1]), picture)
    return paths


def kind(folder, pictures):
    return look_at(write(folder, pictures)).kind


LABELS = [discs(seed, values=range(1, 99)) for seed in range(5)]


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        (LABELS, "labels"),
        ([picture * 100 for picture in LABELS], "labels"),  # ids need not be consecutive
        ([picture.astype(np.uint8) for picture in LABELS], "labels"),
        ([np.kron(picture, np.ones((2, 2), np.uint16)) for picture in LABELS], "labels"),
        ([np.uint16(255) * (picture > 0) for picture in LABELS], "masks"),
        ([np.uint8(1) * (picture > 0) for picture in LABELS], "masks"),
        ([np.uint16(65535) * (picture > 0) for picture in LABELS], "masks"),
        ([np.zeros((9, 9), np.uint8)], "masks"),
        ([cv2.GaussianBlur(255 * (picture > 0).astype(np.uint8), (9, 9), 0) for picture in LABELS], "masks"),
        ([discs(seed, values=[1, 2]) for seed in range(5)], "masks"),  # classes: several objects have the same value
        ([discs(seed, values=[1, 2], at_once=True) for seed in range(5)], "unclear"),
        ([discs(seed, values=range(1, 2 + seed % 3), at_once=True) for seed in range(5)], "labels"),  # 1, 2 or 3 cells
        ([discs(seed, values=[1, 2, 4][: 1 + seed % 3], at_once=True) for seed in range(5)], "unclear"),
        ([discs(0, values=[1, 2, 3, 4, 5], at_once=True)], "labels"),
    ],
)
def test_the_kind_follows_from_the_pixels(tmp_path, pictures, expected):
    assert kind(tmp_path, pictures) == expected


def test_a_cell_may_be_in_pieces(tmp_path):
    """An id that others cut into two pieces, as where cells overlap, leaves the kind as it is."""
    pictures = [picture.copy() for picture in LABELS]
    for picture in pictures:
        rows, columns = np.nonzero(picture == 1)
        picture[int(np.median(rows)), columns.min() : columns.max() + 1] = 0
    assert kind(tmp_path, pictures) == "labels"


def test_cells_that_touch_are_several_pieces(tmp_path):
    picture = np.repeat(np.repeat(np.arange(1, 65, dtype=np.uint16).reshape(8, 8), 6, 0), 6, 1)
    assert kind(tmp_path, [picture]) == "labels"


def test_one_odd_file_among_masks_does_not_make_label_maps(tmp_path):
    masks = [np.uint16(255) * (picture > 0) for picture in LABELS]
    assert kind(tmp_path, [*masks, LABELS[0]]) == "masks"
    assert kind(tmp_path, [masks[0], *LABELS]) == "labels"


def test_files_that_cannot_be_read_are_left_out(tmp_path):
    paths = write(tmp_path, LABELS)
    paths[0].write_bytes(b"none")
    evidence = look_at([*paths, tmp_path / "absent.png"])
    assert (evidence.files, evidence.kind) == (len(LABELS) - 1, "labels")
    assert look_at([paths[0]]).kind == "masks"


def test_only_some_of_many_files_are_read_and_always_the_same(tmp_path):
    (path,) = write(tmp_path, LABELS[:1])
    assert look_at([path] * 1000).files == FILES
    assert str(look_at([path] * 1000)) == str(look_at([path] * 1000))
