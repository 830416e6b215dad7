"""Written PNG files hold the same pixels and the same palette again, by other readers than ours and by ours."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from images.reading import decode_class_map, decode_image
from images.writing import encode_indexed_png, encode_png


def pixels_by_opencv(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_grey_array(dtype):
    array = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (7, 9), dtype, endpoint=True)
    assert (pixels_by_opencv(encode_png(array)) == array).all()


def test_a_colour_array_is_rgb():
    array = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(encode_png(array)))) == array).all()


# 2, 4, 16 and 256 colours are the most that 1, 2, 4 and 8 bits per pixel tell apart.
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 16, 17, 255, 256])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (40, 67)])
def test_an_indexed_array_keeps_its_indices_and_its_colours(count, size):
    colours = [(number, 255 - number, number * 7 % 256) for number in range(count)]
    indices = np.random.default_rng(count).integers(0, count, size, np.uint8)
    data = encode_indexed_png(indices, colours)
    image = Image.open(io.BytesIO(data))
    assert image.mode == "P"
    assert image.getpalette() == [value for colour in colours for value in colour]
    assert (np.asarray(image) == indices).all()
    coloured = np.array(colours, np.uint8)[indices]
    assert (pixels_by_opencv(data)[..., ::-1] == coloured).all()
    assert (decode_image(data, "x") == coloured).all()
    if count < 256:
        assert (decode_class_map(data, "x", palette=range(count)) == indices).all()


def test_an_index_without_a_colour_is_not_written():
    with pytest.raises(AssertionError, match="without a colour"):
        encode_indexed_png(np.array([[0, 2]], np.uint8), [(0, 0, 0), (1, 1, 1)])
