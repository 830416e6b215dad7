"""What is measured of an image that is compared with those of the training."""

from types import SimpleNamespace

import numpy as np
import pytest

from images.pixel_size import PixelSize
from images.resize import resize_image
from images.statistics.features import pixel_statistics
from images.statistics.table import ImageTable
from inference.warnings.comparing import Comparison

IMAGE = np.random.default_rng(0).integers(0, 256, (90, 60, 1)).astype(np.uint8)
MASKS = np.zeros((1, 90, 60), bool)
MASKS[0, 10:40, 10:40] = True


def measured(size):
    """The numbers of IMAGE, as the judge receives them."""
    values = {}
    comparison = Comparison(ImageTable.of_rows([{"contrast-0": 1.0}] * 30), size)
    object.__setattr__(comparison, "judge", SimpleNamespace(warnings=lambda found: values.update(found) or ["told"]))
    rows = lambda top, bottom: IMAGE[top:bottom]
    given = {"areas": np.array([100, 900]), "pixel_size": PixelSize(0.5, 0.5, "given")}
    assert comparison.warnings(rows, rows, MASKS, **given) == ["told"]
    return values


def test_an_image_is_measured_as_the_network_sees_it():
    """At 30×20 each side is a third: areas are a ninth, and a pixel is three times as large."""
    own, resized = measured(None), measured((30, 20))
    assert own["object_diameter"] == pytest.approx(3 * resized["object_diameter"])
    assert (own["objects"], resized["objects"]) == (2, 2)
    assert (own["pixel_size_um"], resized["pixel_size_um"]) == (pytest.approx(0.5), pytest.approx(1.5))
    for values, image in ((own, IMAGE), (resized, resize_image(IMAGE, (30, 20)))):
        expected = pixel_statistics([image])
        assert {name: values[name] for name in expected} == pytest.approx(expected, nan_ok=True)
