"""Truth of every kind → targets: borders drawn by hand, class maps, mask folders, resizing and void."""

import cv2
import numpy as np
import pytest
import torch
from conftest import write_set
from support.image_files import palette_image, pil

from datasets.folder import list_folder
from datasets.samples import Samples
from datasets.targets import BORDER_RADIUS, Targets, border_classes
from images.image_reader import ImageReader
from system.errors import DataError


def drawn(*rows):
    return np.array([[int(digit) for digit in row] for row in rows], np.uint16)


def test_touching_nuclei_have_a_border_of_the_pixels_that_touch():
    labels = drawn("000000", "011220", "011220", "000000")
    # Background above and below a seam has both nuclei only at a distance of √2, outside a radius of 1.
    assert (border_classes(labels, 1) == drawn("000000", "012210", "012210", "000000")).all()
    assert (border_classes(labels, 1.5) == drawn("002200", "012210", "012210", "002200")).all()
    assert (border_classes(labels, 2)[1] == drawn("022220")).all()


def test_a_gap_of_one_pixel_is_border_and_a_wider_one_is_not():
    assert (border_classes(drawn("1110222"), 1) == drawn("1112111")).all()
    assert (border_classes(drawn("1110222"), 2) == drawn("1122211")).all()
    assert (border_classes(drawn("11100222"), 1) == drawn("11100111")).all()
    assert (border_classes(drawn("11100222"), 2) == drawn("11122111")).all()


def test_a_single_nucleus_and_the_frame_have_no_border():
    labels = drawn("1100", "1100", "0000", "0003")
    assert (border_classes(labels, 1) == (labels > 0)).all()
    assert (border_classes(np.ones((3, 3), np.uint16), 3) == 1).all()
    assert (border_classes(np.zeros((3, 3), np.uint16), 3) == 0).all()


def test_three_nuclei_ids_of_any_size_and_their_order():
    labels = drawn("1122", "1122", "3333").astype(np.int32)
    expected = drawn("1221", "2222", "2222")
    assert (border_classes(labels, 1) == expected).all()
    large = np.array([0, 2**31 - 1, 2**31 - 2, 70_000], np.int32)[labels]  # which differ beyond float32's digits
    assert (border_classes(large, 1) == expected).all()


@pytest.mark.parametrize("radius", [1, 1.5, 2, 3.7])
def test_borders_are_where_two_distances_are_small(radius):
    labels = np.random.default_rng(0).integers(1, 5, (12, 15)) * (np.random.default_rng(1).random((12, 15)) < 0.05)
    places = np.stack(np.mgrid[:12, :15], -1).reshape(-1, 2)
    distances = [
        np.linalg.norm(places[:, None] - np.argwhere(labels == i), axis=-1).min(1).reshape(12, 15)
        for i in np.unique(labels[labels > 0])
    ]
    second = np.sort(distances, axis=0)[1]
    assert ((border_classes(labels, radius) == 2) == (second <= radius)).all()
    assert 0 < (second <= radius).sum() < second.size


def test_interiors_of_different_nuclei_never_touch_from_the_default_radius_on():
    labels = np.random.default_rng(0).integers(0, 4, (40, 40)).astype(np.uint8)
    labels = cv2.resize(labels, (160, 160), interpolation=cv2.INTER_NEAREST_EXACT)
    for radius, touching in ((BORDER_RADIUS, False), (1, True)):
        interior = np.where(border_classes(labels, radius) == 1, labels, 0)
        pairs = [(interior[1:, 1:], interior[:-1, :-1]), (interior[1:, :-1], interior[:-1, 1:])]
        pairs += [(interior[1:], interior[:-1]), (interior[:, 1:], interior[:, :-1])]
        assert any(((a != b) & (a > 0) & (b > 0)).any() for a, b in pairs) == touching


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


def samples_of(root, task, size=None, **how):
    folder = list_folder(root, task=task, **how)
    return folder, Samples(folder.samples, ImageReader(), folder.targets, size=size)


INDICES = np.array([[0, 1, 1], [2, 2, 1]], np.uint8)
NUMBERS = "classes: [background, cell, gap]\npalette: [0, 100, 200]\nvoid: 9\n"


def test_class_maps_in_every_task(tmp_path):
    root = class_maps(tmp_path / "set", [100 * INDICES], NUMBERS)
    folder, samples = samples_of(root, "multiclass")
    assert folder.classes == ("background", "cell", "gap")
    target = folder.targets.to_tensor(samples[0][1])
    assert target.dtype == torch.int64
    assert target.tolist() == INDICES.tolist()
    folder, samples = samples_of(root, "multilabel")
    assert folder.classes == ("cell", "gap")
    target = folder.targets.to_tensor(samples[0][1])
    assert target.dtype == torch.float32
    assert target.tolist() == [(INDICES == 1).tolist(), (INDICES == 2).tolist()]
    with pytest.raises(DataError, match=r"class maps of 3 classes .*set task: multiclass"):
        list_folder(root, task="binary")


def test_void_stays_void_in_every_task_and_after_resizing(tmp_path):
    pixels = np.kron(np.array([[0, 9], [100, 100]], np.uint8), np.ones((4, 4), np.uint8))
    root = class_maps(tmp_path / "set", [pixels], "classes: [background, cell]\npalette: [0, 100]\nvoid: 9\n")
    for size in (None, (2, 2), (16, 16)):
        for task, expected in (("multiclass", [[0, 255], [1, 1]]), ("binary", [[0, 255], [1, 1]])):
            folder, samples = samples_of(root, task, size)
            target = folder.targets.to_tensor(samples[0][1]).squeeze()
            step = len(target) // 2
            assert target[step // 2 :: step, step // 2 :: step].tolist() == expected
            assert set(target.unique().tolist()) == {0, 1, 255}
            *pixels_of, counted = folder.targets.pixel_counts(samples[0][1]).tolist()
            assert (pixels_of[-1], counted) == (target.numel() // 2, target.numel() * 3 // 4)
            assert folder.targets.foreground(samples[0][1]).sum() == target.numel() // 2
    assert folder.targets.has_void


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
        list_folder(root, task="multilabel")
    root = class_maps(tmp_path / "maps", [INDICES, INDICES], NUMBERS)
    (root / "masks" / "1.png").unlink()
    with pytest.raises(DataError, match=r"1\.png: no mask"):
        list_folder(root, task="multiclass")


def test_mask_folders_of_classes_that_exclude_each_other(tmp_path):
    root = write_set(tmp_path / "set", images=2, classes=("a", "b"))
    masks = np.zeros((2, 32, 32), np.uint8)
    masks[0, :9], masks[1, 20:] = 255, 255
    for index in range(2):
        for name, mask in zip("ab", masks, strict=True):
            cv2.imwrite(str(root / "masks" / name / f"cell_{index:02d}.png"), mask)
    (root / "masks" / "b" / "cell_01.png").unlink()
    folder, samples = samples_of(root, "multiclass")
    assert folder.classes == ("background", "a", "b")
    assert (samples[0][1][..., 0] == (masks[0] > 0) + 2 * (masks[1] > 0)).all()
    assert (samples[1][1][..., 0] == (masks[0] > 0)).all()
    cv2.imwrite(str(root / "masks" / "b" / "cell_00.png"), 255 - np.roll(masks[0], -1, axis=0))
    with pytest.raises(DataError, match=r"a/cell_00\.png.*b/cell_00\.png: 32 pixels belong to more than one class"):
        samples_of(root, "multiclass")[1][0]
    (root / "masks" / "b").rename(root / "masks" / "background")
    with pytest.raises(DataError, match="background is what no mask covers; remove this folder"):
        list_folder(root, task="multiclass")


def test_borders_of_a_set_are_made_after_resizing_and_grow_with_the_image(tmp_path):
    root = write_set(tmp_path / "set", images=1, size=(64, 64))
    (root / "labels").mkdir()
    labels = np.repeat(np.array([[1] * 32 + [2] * 32], np.uint8), 64, axis=0)
    cv2.imwrite(str(root / "labels" / "cell_00.png"), labels)
    folder, samples = samples_of(root, "multiclass", (16, 16), target="border", border_radius=1)
    assert folder.classes == ("background", "interior", "border")
    assert samples[0][1][3, :, 0].tolist() == [1] * 7 + [2] * 2 + [1] * 7
    at_file_size = samples.at_file_size(0)[1][3, :, 0]
    assert np.flatnonzero(at_file_size == 2).tolist() == list(range(28, 36))  # the same two columns, four times as wide
    before = np.unique(Targets("multiclass", "masks", "abc").resize(border_classes(labels, 1)[..., None], (16, 16)))
    assert before.tolist() == [1]  # what resizing borders would leave of them
    (root / "labels" / "cell_00.png").unlink()
    with pytest.raises(DataError, match=r"cell_00\.png: no label map .*labels/cell_00\.\*"):
        list_folder(root, task="multiclass", target="border")


def test_a_label_map_of_another_size_is_told(tmp_path):
    root = write_set(tmp_path / "set", images=1)
    (root / "labels").mkdir()
    cv2.imwrite(str(root / "labels" / "cell_00.png"), np.zeros((8, 9), np.uint8))
    with pytest.raises(DataError, match=r"labels/cell_00\.png: 8×9 pixels, but .*images/cell_00\.png has 32×32"):
        samples_of(root, "multiclass", target="border")[1][0]
