"""The columns of a table are the scores of metrics/, and weights are repetitions."""

import numpy as np
import pytest
import torch

from benchmarks.table.columns import COLUMNS, by_area
from inference.files.image_counts import ScoredImages, read_counts, write_counts
from metrics import InstanceCounts, SegmentationCounts
from system.errors import FileError

RNG = np.random.default_rng(0)
AREAS = (20, 60)  # pixels; a block has 16


def some_labels():
    """Blocks of 4×4 pixels or less, some of them one object."""
    return np.kron(RNG.integers(0, 6, (6, 6)) * RNG.integers(0, 2, (6, 6)), np.ones((4, 4), int))


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """(images as read from their file, counts of pixels, counts of objects) of seven pairs of label maps, one empty."""
    pixels, objects = SegmentationCounts(("cell",)), InstanceCounts()
    pairs = [(some_labels(), some_labels()) for _ in range(6)] + [(np.zeros((24, 24), int),) * 2]
    for truth, found in pairs:
        shared = np.where(RNG.random(truth.shape) < 0.8, truth, found)
        pixels.update(torch.from_numpy(shared > 0)[None, None], torch.from_numpy(truth > 0)[None, None].float())
        objects.update(truth, shared)
    path = tmp_path_factory.mktemp("counts") / "counts.npz"
    write_counts(path, [f"image {n}" for n in range(7)], pixels, objects)
    return read_counts(path), pixels, objects


def score(column, images, weights=None):
    return float(column.score(column.ratio(images), np.ones(len(images.ids)) if weights is None else weights))


def test_every_column_is_the_score_of_metrics(scored):
    images, pixels, objects = scored
    expected = pixels.compute().columns() | objects.compute()
    assert {name: score(column, images) for name, column in COLUMNS.items()} == pytest.approx(
        {name: expected[name] for name in COLUMNS}
    )


def test_scores_by_area_are_those_of_metrics(scored):
    images, _, objects = scored
    expected = [one["ap_50"] for one in objects.by_area(AREAS).values()]
    limits = ((0, AREAS[0]), AREAS, (AREAS[1], np.inf))
    assert not np.isnan(expected).any()
    assert [score(by_area(*pair), images) for pair in limits] == pytest.approx(expected)
    assert np.isnan(score(by_area(0, 16), images))  # there is no such object


def test_a_weight_is_a_repetition(scored):
    images, _, _ = scored
    repeated = images.only([0, 0, 3]) + images.only([6])
    for column in COLUMNS.values():
        assert score(column, images, np.array([2, 0, 0, 1, 0, 0, 1])) == pytest.approx(score(column, repeated))


def test_by_hand():
    """Image 1: TP 3, FP 1, FN 0, so IoU 3/4. Image 2: TP 1, FP 0, FN 3, so 1/4. Pooled 4/8, as is the mean."""
    images = ScoredImages(("a", "b"), np.array([[[3, 1, 0]], [[1, 0, 3]]]), None)
    assert score(COLUMNS["iou"], images) == 0.5
    assert score(COLUMNS["iou_per_image"], images) == 0.5
    assert score(COLUMNS["iou"], images, np.array([3, 1])) == 10 / 16
    assert score(COLUMNS["iou_per_image"], images, np.array([3, 1])) == 2.5 / 4
    assert not COLUMNS["ap_50"].fits(images)


def test_the_background_is_no_class(tmp_path):
    counts = SegmentationCounts(("background", "a", "b"), background=True)
    counts.update(torch.eye(3, dtype=torch.bool)[:, :, None].repeat(1, 1, 4), torch.tensor([[0] * 4, [1] * 4, [1] * 4]))
    write_counts(tmp_path / "c.npz", ["x", "y", "z"], counts, None)
    images = read_counts(tmp_path / "c.npz")
    assert images.pixels.shape == (3, 2, 3)
    assert score(COLUMNS["iou"], images) == counts.compute().iou == 0.25  # a: 4 of 8, b: 0 of 4


def test_damaged_files(tmp_path, scored):
    write_counts(tmp_path / "c.npz", ["x"] * 7, scored[1], scored[2])
    whole = (tmp_path / "c.npz").read_bytes()
    for damaged in (b"", whole[:-30], b"x" * 100):
        (tmp_path / "c.npz").write_bytes(damaged)
        with pytest.raises(FileError, match=r"no whole file of counts .* score the run again with val\.py"):
            read_counts(tmp_path / "c.npz")
