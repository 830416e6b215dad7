"""What the Python door takes: arrays, tensors and paths give the same masks, and everything else is refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from torch import nn

from engine.device import choose_runtime
from images import regions
from images.image_reader import ImageReader
from images.normalise import Normalisation
from inference.cells.decode_file import ChosenDecoding
from inference.cells.decoding import decoding_by
from inference.inputs import image_of
from inference.predictor import Predictor
from inference.tiling import TiledModel
from system.errors import FileError
from tasks.distance import Distance
from tasks.multiclass import Multiclass
from tasks.multilabel import Multilabel

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8)  # no side is 1, 3 or 4
READER = ImageReader(max_pixels=2**20)


class Shown(nn.Module):
    """A network whose maps are the first K channels of the image, for tasks with sigmoid channels."""

    def __init__(self, outputs):
        super().__init__()
        self.outputs = outputs

    def forward(self, images):
        return images[:, : self.outputs].logit(eps=1e-6)


def predictor_of(task):
    """The images are normalised to [0, 1]."""
    return Predictor(
        model=TiledModel(Shown(len(task.channels)), tile=(16, 16), overlap=4),
        task=task,
        reader=ImageReader(channels=3),
        normalise=Normalisation((0.0,) * 3, (1.0,) * 3),
        size=None,
        runtime=choose_runtime("cpu", "fp32"),
        epoch=1,
        decoding=ChosenDecoding(decoding_by("distance")) if isinstance(task, Distance) else None,
    )


@pytest.fixture
def by_rows(monkeypatch):
    """TIFF files of more than 100 pixels count as large, and are read by their rows."""
    monkeypatch.setattr(regions.open_rows, "__kwdefaults__", {"above": 100})
    monkeypatch.setattr(regions.size_of_regions, "__kwdefaults__", {"above": 100})


FIRST = torch.from_numpy(PIXELS).permute(2, 0, 1)  # [C, H, W]
KINDS = {
    "array with strides": PIXELS.repeat(2, axis=1)[:, ::2],
    "flipped twice": np.flip(PIXELS.copy()[::-1], 0),
    "array that cannot be written": np.frombuffer(PIXELS.tobytes(), np.uint8).reshape(PIXELS.shape),
    "tensor": FIRST,
    "contiguous tensor": FIRST.contiguous(),
    "tensor of an inference": torch.inference_mode()(lambda: FIRST + 0)(),
    "RGBA": np.dstack([PIXELS, PIXELS[..., :1]]),
    "RGBA tensor": torch.cat([FIRST, FIRST[:1]]),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_gives_the_masks_of_the_array(name):
    predictor = predictor_of(Multilabel(("a", "b")))
    masks = predictor(PIXELS)
    # 127.5 / 255 is the threshold 0.5
    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "a": (PIXELS[..., 0] > 127).tolist(),
        "b": (PIXELS[..., 1] > 127).tolist(),
    }
    found = predictor(KINDS[name])
    assert all(np.array_equal(found[one], masks[one]) for one in masks)
    assert np.array_equal(predictor.masks(KINDS[name]), predictor.masks(PIXELS))


DTYPES = ["uint8", "int8", "int16", "uint16", "int32", "int64", "uint64", "float16", "float32", "float64", ">u2", ">f4"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_of_arrays_and_tensors(dtype):
    """Pixels of two values are stretched to 0 and 255 whatever their type is; uint8 is left as it is."""
    bright = PIXELS[..., 0] > 127
    array = np.where(bright, 255 if dtype == "uint8" else 100, 0).astype(dtype)
    predictor = predictor_of(Multilabel(("a",)))
    assert np.array_equal(predictor(array)["a"], bright)
    if not dtype.startswith(">"):
        assert np.array_equal(predictor(torch.from_numpy(array))["a"], bright)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_tensors_of_half_precision_and_with_a_gradient(dtype):
    bright = PIXELS[..., 0] > 127
    tensor = torch.from_numpy(bright.astype(np.float32)).to(dtype).requires_grad_()
    assert np.array_equal(predictor_of(Multilabel(("a",)))(tensor)["a"], bright)


def test_axes_are_never_guessed():
    """The same shape means channels last for an array and channels first for a tensor."""
    square = np.random.default_rng(1).integers(0, 256, (3, 3, 3), np.uint8)
    assert np.array_equal(image_of(square, READER), square)
    turned = image_of(torch.from_numpy(square), READER)
    assert all(turned[row, column, k] == square[k, row, column] for k, row, column in np.ndindex(3, 3, 3))
    predictor = predictor_of(Multilabel(("a",)))
    for wrong in (FIRST.numpy(), torch.from_numpy(PIXELS)):  # [C, H, W] array, [H, W, C] tensor
        with pytest.raises(ValueError, match="is expected, got"):
            predictor(wrong)


def test_paths_are_read_as_the_training_reads_them(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), PIXELS[..., ::-1])
    predictor = predictor_of(Distance(("cell",)))
    for path in (tmp_path / "a.png", str(tmp_path / "a.png")):
        assert np.array_equal(predictor(path)["cell"], PIXELS[..., 0] > 127)
        assert np.array_equal(predictor.maps(path), predictor.maps(PIXELS))
        assert np.array_equal(predictor.cells(path).labels, predictor.cells(PIXELS).labels)
        assert np.array_equal(predictor.predict(path).masks, predictor.masks(PIXELS))


def test_a_large_tiff_is_read_by_its_rows(tmp_path, by_rows):
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, PIXELS, rowsperstrip=2, photometric="rgb")
    cv2.imwrite(str(tmp_path / "a.png"), PIXELS[..., ::-1])
    assert image_of(path, ImageReader(max_pixels=1)) == path  # max_pixels is for files that are read here
    assert image_of(tmp_path / "a.png", READER).shape == PIXELS.shape  # the control
    predictor = predictor_of(Distance(("cell",)))
    expected = predictor.predict(PIXELS)
    for given in (path, str(path)):
        found = predictor.predict(given)
        assert np.array_equal(found.masks, expected.masks)
        assert np.array_equal(found.objects.labels, expected.objects.labels)
        assert np.array_equal(predictor(given)["cell"], expected.masks[0])
        assert np.array_equal(predictor.maps(given), predictor.maps(PIXELS))


def test_probabilities_by_class():
    predictor = predictor_of(Multilabel(("a", "b")))
    found = predictor.probabilities(PIXELS)
    assert list(found) == ["a", "b"]
    for k, name in enumerate(found):
        assert (found[name].dtype, found[name].shape) == (np.float32, (20, 31))
        np.testing.assert_allclose(found[name], PIXELS[..., k] / 255, atol=1e-5)
        assert np.array_equal(found[name] > 0.5, predictor(PIXELS)[name])
    cells = predictor_of(Distance(("cell",)))
    assert list(cells.probabilities(PIXELS)) == ["cell"]  # and not its distance map
    np.testing.assert_allclose(cells.probabilities(FIRST)["cell"], PIXELS[..., 0] / 255, atol=1e-5)
    classes = predictor_of(Multiclass(("background", "a", "b")))
    np.testing.assert_allclose(sum(classes.probabilities(PIXELS).values()), 1, atol=1e-5)


OBJECTS = np.empty((2, 2), object)
WRONG_TYPES = [
    ([PIXELS, PIXELS], r"a list; allowed are.*\[predictor\(image\) for image in images\].*numpy\.asarray"),
    ([[0, 1], [2, 3]], "a list; allowed are"),
    ((PIXELS,), "a tuple; allowed are"),
    (None, "of the type NoneType; allowed are a NumPy array"),
    (7, "of the type int; allowed"),
    (b"a.png", "of the type bytes; allowed"),
    (Image.fromarray(PIXELS), r"of the type PIL\.Image\.Image; allowed.*numpy\.asarray\(image\)"),
    (PIXELS.astype(complex), r"complex128; allowed are integers.*abs\(image\)"),
    (FIRST.to(torch.complex64), "complex64; allowed are integers"),
    (PIXELS > 9, r"bool; allowed.*a mask is no image.*255 \* image\.astype\(numpy\.uint8\)"),
    (FIRST > 9, r"torch\.bool; allowed.*255 \* image\.to\(torch\.uint8\)"),
    (OBJECTS, r"object; allowed.*numpy\.stack"),
    (np.array([["a", "b"]]), "<U1; allowed are integers"),
    (np.zeros((2, 2), "datetime64[s]"), "datetime64.*allowed are integers"),
    (np.ma.masked_less(PIXELS, 9), r"a masked array; give image\.filled\(0\)"),
    (FIRST.float().to_sparse(), "sparse_coo tensor .*give a dense tensor"),
    (FIRST.to("meta"), "on meta; give a dense tensor"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG_TYPES, ids=[message[:25] for _, message in WRONG_TYPES])
def test_other_types_say_what_is_allowed(wrong, message):
    predictor = predictor_of(Distance(("cell",)))
    calls = (predictor, predictor.masks, predictor.maps, predictor.probabilities, predictor.cells, predictor.predict)
    for call in calls:
        with pytest.raises(TypeError, match=f"(?s){message}"):
            call(wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros(()), r"got the shape \[\]"),
        (np.zeros(5), r"got the shape \[5\]"),
        (np.zeros((2, 8, 8, 3), np.uint8), r"\[2, 8, 8, 3\]; give one image at a time"),
        (torch.zeros(1, 3, 8, 8), r"\[1, 3, 8, 8\]; give image\[0\] of a batch"),
        (np.zeros((0, 3)), r"\[0, 3\], which has none"),
        (np.zeros((8, 8, 0)), r"\[8, 8, 0\], which has none"),
        (torch.zeros(3, 0, 8), r"\[3, 0, 8\], which has none"),
        (np.full((8, 8), np.nan), "NaN or infinite"),
        (torch.full((8, 8), np.inf), "NaN or infinite"),
    ],
)
def test_wrong_shapes_and_values(wrong, message):
    with pytest.raises(ValueError, match=message):
        predictor_of(Distance(("cell",))).predict(wrong)


def test_files_that_cannot_be_used(tmp_path):
    (tmp_path / "notes.png").write_text("no image")
    predictor = predictor_of(Distance(("cell",)))
    for path, message in (
        (tmp_path / "none.png", "No such file"),
        (tmp_path, "directory"),
        (Path(tmp_path / "notes.png"), "notes.png"),
        ("", "directory"),
    ):
        with pytest.raises(FileError, match=message):
            predictor(path)
