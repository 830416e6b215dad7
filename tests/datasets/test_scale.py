"""Random magnification of samples: image and target stay aligned, and nothing is drawn twice."""

import numpy as np
import pytest
import torch

from datasets.crop import magnified_window
from datasets.loading.training_set import TrainingSet
from images.normalise import Normalisation
from tasks.binary import Binary
from tasks.distance import Distance

SIDE, PLAIN = 96, Normalisation((0.0,), (1.0,))


class OneImage:
    """A disc in the middle of a dark image, as `Samples` gives it; its target is that of the task."""

    def __init__(self, task, *, centre=(48, 48), radius=20, size=None):
        y, x = np.mgrid[:SIDE, :SIDE]
        self.task, self.size = task, size
        disc = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2).astype(np.uint16)
        self.image = (disc * 200).astype(np.uint8)[..., None]
        self.target = task.encode(disc[..., None])
        self.samples = [None]

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.image, self.target


@pytest.fixture(params=[Binary, Distance])
def task(request):
    from tasks.truth import LabelMaps, MaskFiles

    truth = MaskFiles("x", ("cell",)) if request.param is Binary else LabelMaps("x", ("cell",))
    return request.param(("cell",), truth)


def centroid(weights):
    weights = np.asarray(weights, np.float64)
    return np.array([(axis * weights).sum() / weights.sum() for axis in np.mgrid[: len(weights), : len(weights[0])]])


def test_windows_of_a_magnification_by_hand():
    assert magnified_window((128, 64), (2.0, 2.0), seed=0) == (64, 32)
    assert magnified_window((128, 128), (0.5, 0.5), seed=0) == (256, 256)
    assert magnified_window((2, 2), (10, 10), seed=0) == (1, 1)
    sides = [magnified_window((1000, 1000), (0.5, 2.0), seed=seed)[0] for seed in range(400)]
    assert (min(sides) < 520, max(sides) > 1900) == (True, True)
    assert np.mean([side > 1000 for side in sides]) == pytest.approx(0.5, abs=0.08)  # even on a log scale


@pytest.mark.parametrize("scale", [0.6, 0.75, 1.0, 1.37, 1.6])
@pytest.mark.parametrize("size", [(SIDE, SIDE), None])
def test_image_and_target_are_magnified_alike(task, scale, size):
    samples = OneImage(task, centre=(44, 50), radius=8, size=size)
    dataset = TrainingSet(samples, PLAIN, None, seed=1, scale=(scale, scale), crop=None if size else (SIDE, SIDE))
    whole = 0
    for epoch in range(1, 30):
        image, target = dataset[epoch, 0]
        assert image.shape == (1, SIDE, SIDE)
        assert target.shape[1:] == (SIDE, SIDE)
        bright, foreground = image[0].numpy(), target[0].numpy()
        assert set(np.unique(foreground)) <= {0, 1}
        rim = np.concatenate([bright[[0, -1]].ravel(), bright[:, [0, -1]].ravel()])
        if bright.any() and not rim.any():  # the disc and its mirror images are not cut by the window
            whole += 1
            # The rim of a mask is rounded to whole pixels. A mask shifted by half a pixel would differ by 0.5.
            assert centroid(bright) == pytest.approx(centroid(foreground), abs=0.25)
            assert np.abs(bright / bright.max() - foreground).mean() < 0.01
    assert whole


@pytest.mark.parametrize("scale", [0.7, 1.6])
def test_areas_are_scaled_and_the_distance_keeps_its_values(scale):
    from tasks.truth import LabelMaps

    task = Distance(("cell",), LabelMaps("x", ("cell",)))
    samples = OneImage(task)
    size = tuple(round(side * scale) for side in (SIDE, SIDE))
    resized = task.resize_target(samples.target, size)
    area = [np.count_nonzero(target[..., 0]) for target in (samples.target, resized)]
    assert area[1] / area[0] == pytest.approx(scale**2, rel=0.02)
    assert np.array_equal(resized[..., 1] > 0, resized[..., 0] == 1)
    # In the disc, the distance of the resized map differs from the old one at the same place by a step of a pixel.
    again = task.separation(resized[..., 0].astype(np.uint16), 1.0)
    assert np.abs(again.astype(int) - resized[..., 1]).max() < 254 * 1.5 / (20 * min(scale, 1))
    assert resized[..., 1].max() > 240


def test_a_magnification_is_a_function_of_seed_and_epoch():
    from tasks.truth import MaskFiles

    samples = OneImage(Binary(("cell",), MaskFiles("x", ("cell",))))
    make = lambda seed: TrainingSet(samples, PLAIN, None, seed=seed, crop=(32, 32), scale=(0.6, 1.6))
    first, again, other = make(1), make(1), make(2)
    again[3, 0]
    for epoch in (1, 2):
        torch.testing.assert_close(first[epoch, 0], again[epoch, 0], rtol=0, atol=0)
    assert not torch.equal(first[1, 0][0], first[2, 0][0])
    assert not torch.equal(first[1, 0][0], other[1, 0][0])
    assert first[1, 0][0].shape == (1, 32, 32)
