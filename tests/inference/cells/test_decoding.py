"""Maps → objects: planted ones come back, small ones and unseeded foreground do not."""

import numpy as np
import pytest

from datasets.prepare.drawing import make_sample
from inference.cells.decoding import METHODS, Decoding, decode, decoding_by
from metrics import InstanceCounts
from tasks.border import border_map
from tasks.distance_maps import distance_map

COMPONENTS = Decoding("components", min_seed=1, min_area=1)
SECOND = {  # method → its second map, made from true labels
    "distance": distance_map,
    "border": lambda labels: border_map(labels, 2.5).astype(np.float32),
    "watershed": np.zeros_like,
    "components": np.zeros_like,
}


def ap_of(method):
    """AP at .5, .7 and .9 of drawn nuclei, half of which touch each other."""
    counts = InstanceCounts()
    for index in range(6):
        labels = make_sample(7, index, size=128).labels
        maps = np.stack([labels > 0, SECOND[method](labels)]).astype(np.float32)
        counts.update(labels, decode(maps, decoding_by(method)).labels)
    scores = counts.compute()
    return [scores["ap_50"], scores["ap_70"], scores["ap_90"]]


def test_true_maps_come_back():
    distance, border, watershed, components = map(ap_of, SECOND)
    assert min(distance[:2]) > 0.95
    assert min(border[:2]) > 0.95
    assert components[0] < watershed[0] < min(distance[0], border[0])  # the control: masks alone do not say it


def rectangle(*boxes, shape=(20, 30)):
    mask = np.zeros(shape, np.float32)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = 1
    return mask


def test_labels_are_numbered_in_raster_order_and_confidences_are_means():
    probability = rectangle((2, 20, 8, 26)) * 0.8 + rectangle((1, 2, 7, 8)) * 0.6
    objects = decode(probability[None], COMPONENTS)
    assert objects.labels.dtype == np.int32
    assert (objects.labels[3, 3], objects.labels[3, 21], objects.labels.max()) == (1, 2, 2)
    assert objects.confidences.tolist() == pytest.approx([0.6, 0.8])


def test_small_objects_and_unseeded_foreground_are_dropped():
    probability = rectangle((2, 2, 8, 8), (2, 20, 4, 24))  # 36 and 8 pixels
    assert decode(probability[None], Decoding("components", min_area=10)).labels.max() == 1
    assert decode(probability[None], Decoding("components", min_area=8)).labels.max() == 2
    distance = rectangle((4, 4, 6, 6)) * 0.9  # a seed of 4 pixels in the first, none in the second
    objects = decode(np.stack([probability, distance]), Decoding(min_area=1))
    assert (objects.labels > 0).sum() == 36
    assert decode(np.stack([probability, distance]), Decoding(min_seed=5)).labels.max() == 0


def test_holes_are_filled_and_bays_and_neighbours_are_not():
    ring = rectangle((2, 2, 10, 10))
    ring[5:7, 5:7] = 0
    assert (decode(ring[None], COMPONENTS).labels > 0).sum() == 64
    bay = ring.copy()
    bay[2:7, 5] = 0  # opens the hole to the outside
    assert (decode(bay[None], COMPONENTS).labels > 0).sum() == bay.sum()
    between = rectangle((0, 0, 20, 10), (0, 12, 20, 30))
    between[[0, -1], 10:12] = 1  # a gap that two seeds enclose together
    distance = rectangle((8, 3, 12, 6), (8, 18, 12, 24)) * 0.9
    labels = decode(np.stack([between, distance]), Decoding(min_seed=1)).labels
    assert labels.max() == 2
    assert (labels[5, 10:12] == 0).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (20, 30)])
def test_nothing_is_found_where_nothing_is(method, shape):
    objects = decode(np.zeros((2, *shape), np.float32), decoding_by(method))
    assert (objects.labels.shape, objects.labels.max(), len(objects.confidences)) == (shape, 0, 0)
