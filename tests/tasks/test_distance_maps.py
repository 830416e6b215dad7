"""Distances inside objects: by hand, and against the transform of each object by itself."""

import cv2
import numpy as np
import pytest

from datasets.prepare.drawing import make_sample
from tasks.distance_maps import distance_map


def one_by_one(labels):
    """The definition: each object's own transform, where the image's edge is not outside."""
    expected = np.zeros(labels.shape, np.float32)
    for label in np.unique(labels[labels > 0]):
        mask = np.pad((labels == label).astype(np.uint8), 50, mode="edge")
        inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)[50:-50, 50:-50]
        expected[labels == label] = (inside / inside[labels == label].max())[labels == label]
    return expected


def test_by_hand():
    found = distance_map(np.array([[0, 1, 1, 1, 2, 2]]))
    assert found.tolist() == [[0, 0.5, 1, 0.5, 0.5, 1]]  # a neighbour is outside, the image's edge is not
    assert found.dtype == np.float32


@pytest.mark.parametrize("index", range(3))
def test_close_to_the_transform_of_each_object(index):
    labels = make_sample(5, index, size=128).labels
    found = distance_map(labels)
    assert (found[labels == 0] == 0).all()
    assert all(found[labels == label].max() == 1 for label in np.unique(labels[labels > 0]))
    assert np.abs(found - one_by_one(labels)).mean(where=labels > 0) < 0.05


def test_flips_turns_and_crops_commute_with_it_once_the_map_is_made():
    labels = make_sample(5, 2, size=96).labels
    for change in (np.fliplr, np.flipud, np.transpose):
        changed = np.ascontiguousarray(change(labels))
        np.testing.assert_allclose(distance_map(changed), change(distance_map(labels)), atol=1e-5)
    cut = distance_map(labels)[:48]  # a cell that the crop cuts keeps its distances …
    assert np.abs(cut - distance_map(labels[:48])).max() > 0.1  # … which a map of the crop would not give


def test_ids_of_any_size_and_images_without_background_or_objects():
    labels = np.array([[0, 1, 1, 2, 2]])
    large = np.array([0, 2**31 - 1, 2**31 - 2])[labels]
    assert (distance_map(large) == distance_map(labels)).all()
    assert (distance_map(np.full((4, 5), 7)) == 1).all()
    assert (distance_map(np.zeros((4, 5), int)) == 0).all()
