"""Encoded targets that are resized: masks stay masks, indices stay indices, and the border keeps its width."""

import numpy as np
import pytest

from tasks.binary import Binary
from tasks.border import Border, border_map
from tasks.multiclass import Multiclass
from tasks.truth import ClassMaps, LabelMaps, MaskFiles


def test_a_mask_is_foreground_where_half_of_a_pixel_is():
    task = Binary(("cell",), MaskFiles("x", ("cell",)))
    target = np.array([[1, 1, 1, 0], [0, 1, 0, 0]], np.uint8)[..., None]
    assert task.resize_target(target, (1, 2))[..., 0].tolist() == [[1, 0]]  # 3/4 and 1/4


def test_indices_and_void_take_the_nearest_value():
    maps = ClassMaps("x", ("a", "b", "c"), palette=(0, 1, 2), void=255)
    target = np.array([[0, 0, 2, 2], [0, 0, 2, 255]], np.uint8)[..., None]
    for task in (Multiclass(("a", "b", "c"), maps), Binary(("b",), maps)):
        resized = task.resize_target(target, (4, 8))
        assert resized.shape == (4, 8, 1)
        assert (resized == target.repeat(2, axis=0).repeat(2, axis=1)).all()


def two_cells(gap, side=80):
    """Two touching halves of an image, or halves with a gap of so many pixels between them."""
    labels = np.ones((side, side), np.uint16)
    labels[:, side // 2 :] = 2
    labels[:, side // 2 - gap // 2 : side // 2 + gap - gap // 2] = 0
    return labels


@pytest.mark.parametrize("scale", [0.6, 0.8, 1.25, 1.6])
@pytest.mark.parametrize("gap", [0, 2])
def test_a_border_keeps_its_radius_at_the_scale_of_the_network(scale, gap):
    task = Border(("cell",), LabelMaps("x", ("cell",)))
    labels = two_cells(gap)
    size = (round(80 * scale),) * 2
    resized = task.resize_target(task.encode(labels[..., None]), size)
    # In the plane both cells reach to a distance of scale · gap/2 from the middle; the border to radius minus that.
    wanted = 2 * (task.options.border_radius - scale * gap / 2)
    assert resized[size[0] // 2, :, 1].sum() == pytest.approx(wanted, abs=1.5)
    unchanged = np.count_nonzero(border_map(labels, 2.5)[40]) * scale
    if abs(scale - 1) > 0.3:
        assert abs(resized[size[0] // 2, :, 1].sum() - wanted) < abs(unchanged - wanted)  # than without the correction


def test_an_image_without_a_border_gets_none():
    task = Border(("cell",), LabelMaps("x", ("cell",)))
    for scale in (0.5, 2.0):
        labels = np.ones((20, 20, 1), np.uint16)
        assert not task.resize_target(task.encode(labels), (int(20 * scale),) * 2)[..., 1].any()
