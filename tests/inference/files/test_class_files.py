"""The files of masks, and the colours of their classes."""

import cv2
import numpy as np
from PIL import Image

from inference.files.class_files import ClassFiles, class_colours
from tasks.binary import Binary
from tasks.multiclass import Multiclass
from tasks.multilabel import Multilabel

# Orange, sky blue, bluish green, yellow, blue, vermilion and reddish purple of Okabe and Ito 2008, without black.
OKABE_ITO = ("E69F00", "56B4E9", "009E73", "F0E442", "0072B2", "D55E00", "CC79A7")


def test_the_first_colours_are_those_of_okabe_and_ito():
    expected = [tuple(bytes.fromhex(colour)) for colour in OKABE_ITO]
    for count in range(8):
        assert class_colours(count) == expected[:count]
    many = class_colours(60)
    assert many[:7] == expected
    assert len(set(many)) == 60
    assert all(0 <= channel <= 255 for colour in many for channel in colour)


def test_further_colours_are_far_apart():
    """They have one saturation and one brightness, so that they differ in their hue only."""
    for number, colour in enumerate(class_colours(20)[7:]):
        assert (max(colour), min(colour)) == (242, 85)  # 0.95 of 255, and of this the share that 0.65 leaves
        hue = cv2.cvtColor(np.array([[colour]], np.float32) / 255, cv2.COLOR_RGB2HSV)[0, 0, 0]
        assert abs((hue / 360 - number * (5**0.5 - 1) / 2 + 0.5) % 1 - 0.5) < 0.01  # steps of the golden ratio


def test_masks_of_overlapping_classes(tmp_path):
    masks = np.array([[[1, 1, 0, 0]], [[0, 1, 1, 0]]], bool)
    files = ClassFiles(tmp_path, Multilabel(("a", "b")))
    files.write("well/0", masks)
    for number, name in enumerate("ab"):
        stored = np.asarray(Image.open(tmp_path / "masks" / name / "well" / "0.png"))
        assert (stored.tolist(), stored.dtype) == ((255 * masks[number]).tolist(), np.uint8)
    picture = Image.open(tmp_path / "classes" / "well" / "0.png")
    assert np.asarray(picture).tolist() == [[1, 2, 2, 0]]
    colours = [(0, 0, 0), *class_colours(2)]
    assert np.asarray(picture.convert("RGB"))[0].tolist() == [list(colours[index]) for index in (1, 2, 2, 0)]
    assert files.read("well/0").tolist() == np.moveaxis(masks, 0, -1).astype(int).tolist()
    assert all(path.exists() for path in files.paths("well/0"))


def test_the_background_has_no_file_and_one_class_has_no_picture(tmp_path):
    files = ClassFiles(tmp_path / "three", Multiclass(("background", "a", "b")))
    files.write("x", np.array([[[1, 0, 0]], [[0, 1, 0]], [[0, 0, 1]]], bool))
    assert np.asarray(Image.open(tmp_path / "three" / "classes" / "x.png")).tolist() == [[0, 1, 2]]
    assert not (tmp_path / "three" / "masks" / "background").exists()
    files = ClassFiles(tmp_path / "one", Binary(("cell",)))
    files.write("x", np.ones((1, 2, 2), bool))
    assert [path.relative_to(tmp_path / "one").as_posix() for path in files.paths("x")] == ["masks/cell/x.png"]
    assert not (tmp_path / "one" / "classes").exists()
