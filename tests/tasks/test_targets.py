"""Truth of every kind → targets: class maps, mask folders, label maps, resizing and void."""

import cv2
import numpy as np
import pytest
import torch
from conftest import write_set
from support.image_files import palette_image, pil

from datasets.folder.data_folder import list_folder
from datasets.samples import Samples
from images.image_reader import ImageReader
from system.errors import DataError
from tasks import load_task
from tasks.binary import Binary
from tasks.border import Border, border_map
from tasks.multiclass import Multiclass
from tasks.multilabel import Multilabel
from tasks.task import TaskOptions
from tasks.truth import LabelMaps


def class_maps(root, maps, text, *, suffix="png"):
    """A data folder of grey images with the class maps given, as arrays or as bytes of files."""
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for number, one in enumerate(maps):
        content = one if isinstance(one, bytes) else pil(one)
        (root / "masks" / f"{number}.{suffix}").write_bytes(content)
        shape = (4, 5) if isinstance(one, bytes) else one.shape[:2]
        cv2.imwrite(str(root / "images" / f"{number}.png"), np.full(shape, 9 * number, np.uint8))
    (root / "dataset.yaml").write_text(text)
    return root


def samples_of(root, task, size=None, *, border_radius=1.5):
    folder = list_folder(root, load_task(task), TaskOptions(border_radius=border_radius))
    return folder, Samples(folder.samples, ImageReader(), folder.task, size=size)


INDICES = np.array([[0, 1, 1], [2, 2, 1]], np.uint8)
NUMBERS = "classes: [background, cell, gap]\npalette: [0, 100, 200]\nvoid: 9\n"


def test_class_maps_in_every_task(tmp_path):
    root = class_maps(tmp_path / "set", [100 * INDICES], NUMBERS)
    folder, samples = samples_of(root, "multiclass")
    assert folder.task.classes == ("background", "cell", "gap")
    target = folder.task.to_tensor(samples[0][1])
    assert target.dtype == torch.int64
    assert target.tolist() == INDICES.tolist()
    folder, samples = samples_of(root, "multilabel")
    assert folder.task.classes == ("cell", "gap")
    target = folder.task.to_tensor(samples[0][1])
    assert target.dtype == torch.float32
    assert target.tolist() == [(INDICES == 1).tolist(), (INDICES == 2).tolist()]
    with pytest.raises(DataError, match=r"class maps of 3 classes .*set task: multiclass"):
        list_folder(root, Binary)


def test_void_stays_void_in_every_task_and_after_resizing(tmp_path):
    pixels = np.kron(np.array([[0, 9], [100, 100]], np.uint8), np.ones((4, 4), np.uint8))
    root = class_maps(tmp_path / "set", [pixels], "classes: [background, cell]\npalette: [0, 100]\nvoid: 9\n")
    for size in (None, (2, 2), (16, 16)):
        for task, expected in (("multiclass", [[0, 255], [1, 1]]), ("binary", [[0, 255], [1, 1]])):
            folder, samples = samples_of(root, task, size)
            target = folder.task.to_tensor(samples[0][1]).squeeze()
            step = len(target) // 2
            assert target[step // 2 :: step, step // 2 :: step].tolist() == expected
            assert set(target.unique().tolist()) == {0, 1, 255}
            *pixels_of, counted = folder.task.pixel_counts(samples[0][1]).tolist()
            assert (pixels_of[-1], counted) == (target.numel() // 2, target.numel() * 3 // 4)
            assert folder.task.foreground(samples[0][1]).sum() == target.numel() // 2
    assert folder.task.has_void


def test_colours_palettes_and_files_that_are_all_grey(tmp_path):
    colours = np.array([[0, 0, 0], [255, 255, 255], [200, 10, 30]], np.uint8)
    text = f"classes: [a, b, c]\npalette: {colours.tolist()}\n"
    grey = colours[np.minimum(INDICES, 1)]  # an RGB file in which no pixel is coloured
    root = class_maps(tmp_path / "set", [colours[INDICES], grey, grey[..., 0]], text)
    _, samples = samples_of(root, "multiclass")
    assert (samples[0][1][..., 0] == INDICES).all()
    for index in (1, 2):
        assert (samples[index][1][..., 0] == np.minimum(INDICES, 1)).all()


def test_an_indexed_png_is_read_by_index_or_by_colour(tmp_path):
    content, indices = pil(palette_image()), np.arange(20).reshape(4, 5) % 4
    names = "classes: [a, b, c, d]\n"
    colours = "palette: [[0, 0, 0], [200, 10, 30], [5, 250, 60], [255, 255, 255]]\n"
    for number, text in enumerate((names, names + "palette: [0, 1, 2, 3]\n", names + colours)):
        _, samples = samples_of(class_maps(tmp_path / str(number), [content], text), "multiclass")
        assert (samples[0][1][..., 0] == indices).all()


@pytest.mark.parametrize(
    ("pixels", "text", "told"),
    [
        (
            100 * INDICES + 1,
            NUMBERS,
            r"masks/0\.png: values .*: 101 in 3 pixels, 201 in 2 pixels, 1 in 1 pixels; allowed",
        ),
        (np.dstack([INDICES, INDICES, 0 * INDICES]), NUMBERS, r"masks/0\.png: a coloured image where a label map"),
        (INDICES, "classes: [a, b]\npalette: [[0, 0, 0], [1, 1, 1]]\n", r"\[2, 2, 2\] in 2 pixels"),
        (pil(np.zeros((4, 5), np.uint8), "JPEG"), NUMBERS, "in JPEG, which does not keep ids"),
        (pil(np.zeros((4, 5), np.uint8), "JPEG"), "classes: [a, b]\npalette: [[0, 0, 0], [1, 1, 1]]\n", "keep colours"),
        (
            INDICES.astype(np.uint16),
            "classes: [a, b]\npalette: [[0, 0, 0], [1, 1, 1]]\n",
            "uint16 pixels; save it as 8-",
        ),
    ],
)
def test_class_maps_that_are_refused(tmp_path, pixels, text, told):
    _, samples = samples_of(class_maps(tmp_path / "set", [pixels], text), "multiclass")
    with pytest.raises(DataError, match=told):
        samples[0]


def test_palettes_without_class_maps_and_class_maps_without_partner(tmp_path):
    root = write_set(tmp_path / "folders", classes=("a", "b"), images=1)
    (root / "dataset.yaml").write_text("classes: [a, b]\npalette: [0, 1]\n")
    with pytest.raises(DataError, match=r"belong to class maps.*but masks/ holds folders \(a, b\)"):
        list_folder(root, Multilabel)
    root = class_maps(tmp_path / "maps", [INDICES, INDICES], NUMBERS)
    (root / "masks" / "1.png").unlink()
    with pytest.raises(DataError, match=r"1\.png: no mask"):
        list_folder(root, Multiclass)


def test_mask_folders_of_classes_that_exclude_each_other(tmp_path):
    root = write_set(tmp_path / "set", images=2, classes=("a", "b"))
    masks = np.zeros((2, 32, 32), np.uint8)
    masks[0, :9], masks[1, 20:] = 255, 255
    for index in range(2):
        for name, mask in zip("ab", masks, strict=True):
            cv2.imwrite(str(root / "masks" / name / f"cell_{index:02d}.png"), mask)
    (root / "masks" / "b" / "cell_01.png").unlink()
    folder, samples = samples_of(root, "multiclass")
    assert folder.task.classes == ("background", "a", "b")
    assert (samples[0][1][..., 0] == (masks[0] > 0) + 2 * (masks[1] > 0)).all()
    assert (samples[1][1][..., 0] == (masks[0] > 0)).all()
    cv2.imwrite(str(root / "masks" / "b" / "cell_00.png"), 255 - np.roll(masks[0], -1, axis=0))
    with pytest.raises(DataError, match=r"a/cell_00\.png.*b/cell_00\.png: 32 pixels belong to more than one class"):
        samples_of(root, "multiclass")[1][0]
    (root / "masks" / "b").rename(root / "masks" / "background")
    with pytest.raises(DataError, match="background is what no mask covers; remove this folder"):
        list_folder(root, Multiclass)


def test_borders_of_a_set_are_made_after_resizing_and_grow_with_the_image(tmp_path):
    root = write_set(tmp_path / "set", images=1, size=(64, 64))
    (root / "labels").mkdir()
    labels = np.repeat(np.array([[1] * 32 + [2] * 32], np.uint8), 64, axis=0)
    cv2.imwrite(str(root / "labels" / "cell_00.png"), labels)
    folder, samples = samples_of(root, "border", (16, 16), border_radius=1)
    assert (folder.task.classes, folder.task.channels) == (("nucleus",), ("nucleus", "border"))
    assert samples[0][1][..., 0].all()
    assert samples[0][1][3, :, 1].tolist() == [0] * 7 + [1] * 2 + [0] * 7
    at_file_size = samples.at_file_size(0)[1][3, :, 1]
    assert np.flatnonzero(at_file_size).tolist() == list(range(28, 36))  # the same two columns, four times as wide
    before = np.unique(LabelMaps(root).resize(border_map(labels, 1)[..., None].astype(np.uint8), (16, 16)))
    assert before.tolist() == [0]  # what resizing borders would leave of them
    (root / "labels" / "cell_00.png").unlink()
    with pytest.raises(DataError, match=r"labels: no label maps, and masks/ holds masks \(value 255 besides 0\)"):
        list_folder(root, Border)


def test_a_label_map_of_another_size_is_told(tmp_path):
    root = write_set(tmp_path / "set", images=1)
    (root / "labels").mkdir()
    cv2.imwrite(str(root / "labels" / "cell_00.png"), np.zeros((8, 9), np.uint8))
    with pytest.raises(DataError, match=r"labels/cell_00\.png: 8×9 pixels, but .*images/cell_00\.png has 32×32"):
        samples_of(root, "border")[1][0]
