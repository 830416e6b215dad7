"""The stages of a prediction: which images go through the network together, and who computes."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from images.image_reader import ImageFile
from inference.pipeline.prediction_stages import (
    PIXELS_PER_BATCH,
    PIXELS_PER_BATCH_IN_A_THREAD,
    ImageItem,
    PredictionStages,
)


def stages_on(device, calls):
    """Stages with a predictor that notes how it is called."""
    member = SimpleNamespace(runtime=SimpleNamespace(device=torch.device(device)), folded=object())

    def alone(image, *, threshold):
        calls.append(("alone", image, threshold))
        return "one"

    def together(inputs, sizes, *, threshold):
        calls.append(("together", inputs, sizes, threshold))
        return ["of a batch"] * len(inputs)

    predictor = SimpleNamespace(members=[member], computed=alone, computed_together=together)
    return PredictionStages(predictor, None, threshold=0.4)


def item(name, *, inputs=True, side=8):
    planes = (torch.zeros(3, side, side, dtype=torch.uint8),) if inputs else None
    return ImageItem(ImageFile(name, name), f"pixels of {name}", (side, side), planes)


def test_images_with_inputs_go_through_the_network_together_and_others_alone():
    calls = []
    stages = stages_on("cpu", calls)
    small = [item("a"), item("b")]
    assert stages.compute(small) == ["of a batch"] * 2
    assert calls == [("together", [one.inputs for one in small], [(8, 8)] * 2, 0.4)]
    calls.clear()
    assert stages.compute([item("c", inputs=False)]) == ["one"]
    assert calls == [("alone", "pixels of c", 0.4)]


@pytest.mark.parametrize(("device", "most"), [("cpu", PIXELS_PER_BATCH_IN_A_THREAD), ("cuda", PIXELS_PER_BATCH)])
def test_only_inputs_of_one_shape_make_a_batch(device, most):
    stages = stages_on(device, [])
    assert stages.batch_of(item("a", inputs=False)) is None
    shape, count = stages.batch_of(item("a", side=64))
    assert shape == stages.batch_of(item("b", side=64))[0]
    assert shape != stages.batch_of(item("b", side=32))[0]
    assert count == most // 64**2
    assert stages.batch_of(item("a", side=2**14))[1] == 1


def test_each_core_has_its_own_image_only_if_there_are_enough():
    threads = [stages_on("cpu", []).threads(cores=4, images=images) for images in (2, 1000)]
    assert [(one.workers, one.compute) for one in threads] == [(3, False), (4, True)]
    assert not stages_on("cuda", []).threads(cores=4, images=1000).compute


def test_pixels():
    assert stages_on("cpu", []).pixels(item("a", side=9)) == 81
    assert np.prod(item("a").size) == 64
