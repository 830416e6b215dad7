"""The reader: pixel kinds, masks, and files that are no images."""

import cv2
import numpy as np
import pytest

from datasets.reading import decode_image, decode_mask, read_image, read_mask
from engine.errors import DataError

RED = np.array([200, 10, 30], np.uint8)


def png(array):
    return cv2.imencode(".png", array)[1].tobytes()


def test_channels_come_as_rgb():
    image = decode_image(png(np.full((4, 5, 3), RED[::-1])), "x")  # OpenCV writes BGR
    assert image.shape == (4, 5, 3)
    assert (image == RED).all()


def test_alpha_is_dropped():
    image = decode_image(png(np.dstack([np.full((4, 5, 3), RED[::-1]), np.full((4, 5), 7, np.uint8)])), "x")
    assert image.shape == (4, 5, 3)
    assert (image == RED).all()


def test_grey_is_repeated():
    image = decode_image(png(np.arange(20, dtype=np.uint8).reshape(4, 5)), "x")
    assert (image == np.arange(20).reshape(4, 5, 1)).all()
    assert image.shape == (4, 5, 3)


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (0, 0), (255, 255), (1, 1)])
def test_masks_of_two_values(values):
    stored = np.array([[values[0], values[1]]], np.uint8)
    assert decode_mask(png(stored), "m").tolist() == [[int(v > 0) for v in values]]
    assert (decode_mask(png(np.dstack([stored] * 3)), "m") == decode_mask(png(stored), "m")).all()


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (np.array([[0, 128, 255]], np.uint8), "mask values 0, 128, 255; allowed are 0 and 255, or 0 and 1"),
        (np.array([[0, 1, 2]], np.uint8), "mask values 0, 1, 2;"),
        (np.arange(256, dtype=np.uint8)[None], "mask values 0, 1, 2, 3, 4, 5, …;"),
        (np.dstack([np.zeros((2, 2))] * 2 + [np.full((2, 2), 255)]).astype(np.uint8), "a coloured image where a mask"),
    ],
)
def test_other_masks_are_refused(stored, told):
    with pytest.raises(DataError, match=f"m.png: {told}"):
        decode_mask(png(stored), "m.png")


def test_unreadable_files_are_refused_by_name(tmp_path):
    whole = png(np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8))
    for number, content in enumerate((b"", b"no image", whole[: len(whole) // 2], whole[:-20])):
        path = tmp_path / f"{number}.png"
        path.write_bytes(content)
        for read in (read_image, read_mask):
            with pytest.raises(DataError, match=rf"{number}\.png: not a readable image \({len(content)} bytes\)"):
                read(path)
    with pytest.raises(DataError, match=r"absent\.png: cannot be read"):
        read_image(tmp_path / "absent.png")
