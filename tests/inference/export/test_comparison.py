"""The comparison of a file with its run: it sees a difference, and it goes the same way as predict.py."""

import cv2
import numpy as np
import pytest
import torch
from support.networks import NARROW
from support.predictors import pixels_of, predictor_of

from inference.export.comparison import Comparison, FilePredictor, compare
from inference.export.portable import portable_model
from system.errors import DataError

SIZES = {"tiles": 8, "resized": None}


def run_of(model):
    """The function of a file that computes what a module does."""

    def run(pixels):
        with torch.inference_mode():
            return model(torch.from_numpy(pixels)).numpy()

    return run


def images_in(folder):
    """Two images that are larger than a tile."""
    for number in range(2):
        image = np.random.default_rng(number).integers(0, 256, (33, 41, 3), np.uint8)
        assert cv2.imwrite(str(folder / f"{number}.png"), image)
    return sorted(folder.glob("*.png"))


@pytest.mark.parametrize("overlap", SIZES.values(), ids=SIZES)
def test_the_predictor_of_a_file_predicts_as_the_run_does(overlap, tmp_path):
    """The same function, given as a file, gives the same masks and maps of images of any size."""
    predictor = predictor_of("distance", name="UNet", filters=NARROW[:3], overlap=overlap)
    other = FilePredictor.of(predictor, run_of(portable_model(predictor)))
    for path in images_in(tmp_path):
        assert np.array_equal(other.masks(path), predictor.masks(path))
        np.testing.assert_allclose(other.maps(path), predictor.maps(path), atol=1e-6)
        assert np.array_equal(other.cells(path).labels, predictor.cells(path).labels)


@pytest.mark.parametrize("overlap", SIZES.values(), ids=SIZES)
def test_equal_and_unequal_files(overlap, tmp_path):
    predictor = predictor_of("multiclass", name="UNet", filters=NARROW[:3], overlap=overlap)
    model, images = portable_model(predictor), images_in(tmp_path)
    turned = lambda pixels: run_of(model)(pixels)[:, ::-1].copy()  # its classes have another order
    files = {"same": run_of(model), "turned": turned}
    found = compare(predictor, model, files, tiles=pixels_of(3).astype(np.float32), images=images)
    same, wrong = found["same"], found["turned"]
    same.require_equal("same")
    assert (same.images, same.pixels, same.differing) == (2, 2 * 33 * 41, 0)
    assert same.difference < 1e-5 < same.largest
    assert wrong.differing > 0
    assert 0 < wrong.at_differing <= wrong.difference
    with pytest.raises(DataError, match="turned: its logits differ by up to"):
        wrong.require_equal("turned")


def test_counts_by_hand():
    """Of four pixels, two have another mask, and their logits differ by 0.5 and 0.25."""
    ours = torch.tensor([[[0.25, -0.125], [7.0, -3.0]]])
    theirs = torch.tensor([[[-0.25, 0.125], [6.0, -3.0]]])
    found = Comparison().with_masks(ours, theirs, (ours > 0, theirs > 0))
    assert found == Comparison(difference=1.0, largest=7.0, pixels=4, differing=2, at_differing=0.5)
    text = found.sentence("model.onnx")
    assert "the largest difference of a logit is 1; logits reach 7." in text
    assert (
        "Of 4 pixels in 0 images, 2 have another mask. They are ties: there, the logits differ by at most 0.5" in text
    )
    assert "Masks were not compared" in Comparison().with_logits(ours, theirs).sentence("x")


def test_numbers_that_are_not_finite_are_seen():
    ours, theirs = torch.zeros(1, 2, 2), torch.full((1, 2, 2), torch.nan)
    with pytest.raises(DataError):
        Comparison().with_logits(ours, theirs).require_equal("x")
    Comparison().with_logits(ours, ours).require_equal("x")  # the control
