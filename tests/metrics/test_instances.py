"""Scores of objects, counted by hand; test_every_pair.py has them against their definitions written out."""

from math import isnan

import numpy as np
import pytest
import torch
from support.label_maps import random_pair

from engine.progress import merged
from metrics import InstanceCounts
from metrics.instances import THRESHOLDS


def row(*ids):
    return np.array([ids])


def scores_of(*pairs):
    counts = InstanceCounts()
    for truth, prediction in pairs:
        counts.update(truth, prediction)
    return counts.compute()


def test_one_image_by_hand():
    truth = row(1, 1, 1, 1, 0, 2, 2, 0, 3, 3)
    found = row(7, 7, 7, 0, 0, 5, 5, 5, 0, 0)  # IoU 3/4 with 1, 2/3 with 2
    scores = scores_of((truth, found))
    assert scores["ap_50"] == pytest.approx(2 / 3)
    assert scores["ap_70"] == pytest.approx(1 / 4)
    assert scores["ap_75"] == 0
    assert scores["ap"] == pytest.approx((4 * 2 / 3 + 1 / 4) / 10)  # .50, .55, .60 and .65 have both, .70 has one
    assert (scores["precision_50"], scores["recall_50"]) == (1, pytest.approx(2 / 3))
    assert scores["f1_50"] == scores["dq"] == pytest.approx(4 / 5)
    assert scores["sq"] == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert scores["pq"] == pytest.approx((3 / 4 + 2 / 3) / (2 + 0.5))
    assert scores["aji"] == scores["aji_plus"] == pytest.approx((3 + 2) / (4 + 3 + 2))
    assert (scores["count_error"], scores["count_bias"]) == (pytest.approx(1 / 3), pytest.approx(-1 / 3))


def test_images_without_objects():
    nothing, one = row(0, 0), row(0, 4)
    assert scores_of((nothing, nothing))["ap_50"] == scores_of((nothing, nothing))["pq"] == 1
    assert scores_of((nothing, nothing))["count_error"] == 0
    for pair in ((nothing, one), (one, nothing)):
        scores = scores_of(pair)
        assert (scores["ap_50"], scores["f1_50"], scores["pq"], scores["aji"], scores["bowl"]) == (0, 0, 0, 0, 0)
        assert scores["count_error"] == 1


def test_pooled_and_per_image_are_two_numbers():
    many = np.kron(np.arange(1, 10).reshape(3, 3), np.ones((2, 2), int))
    scores = scores_of((many, many), (row(1), row(0)))
    assert scores["ap_50"] == pytest.approx(9 / 10)
    assert scores["ap_50_per_image"] == scores["bowl"] == pytest.approx(1 / 2)


def test_scores_by_area():
    """Areas 1, 3 and 2 are true; one object is missed, one is found, one is found by half, which is no match."""
    truth = row(1, 2, 2, 2, 0, 3, 3, 0, 0, 0, 0)
    found = row(0, 2, 2, 2, 2, 3, 0, 0, 8, 8, 8)  # areas 4 (IoU 3/4), 1 (IoU 1/2) and 3 (IoU 0)
    counts = InstanceCounts()
    counts.update(truth, found)
    assert counts.by_area([2, 3]) == {
        "< 2": {"true_objects": 1, "recall_50": 0, "ap_50": 0},  # FN 1; FP 3, of area 1
        "2 – 3": {"true_objects": 1, "recall_50": 0, "ap_50": 0},  # FN 3
        "≥ 3": {"true_objects": 1, "recall_50": 1, "ap_50": 1 / 2},  # TP 2; FP 8
    }
    large = counts.by_area([4])["≥ 4"]  # the prediction of area 4 counts with the object that it matches
    assert large["true_objects"] == 0
    assert isnan(large["recall_50"])
    assert isnan(large["ap_50"])
    assert counts.by_area([2.5])["< 2.5"] == {"true_objects": 2, "recall_50": 0, "ap_50": 0}


def test_areas_leave_void_pixels_out():
    counts = InstanceCounts()
    counts.update(row(1, 1, 1), row(5, 5, 5), void=row(0, 0, 1).astype(bool))
    assert counts.by_area([3])["< 3"] == {"true_objects": 1, "recall_50": 1, "ap_50": 1}


@pytest.mark.parametrize("limits", [[], [3, 3], [4, 2]])
def test_limits_that_are_no_classes_are_refused(limits):
    with pytest.raises(ValueError, match="give at least one area in pixels, each larger than the last"):
        InstanceCounts().by_area(limits)


def counts_of(*seeds):
    counts = InstanceCounts()
    for seed in seeds:
        truth, found, void = random_pair(seed)
        counts.update(truth, found, void=void)
    return counts


@pytest.mark.parametrize("shares", [[range(20), range(20, 40)], [range(0, 40, 2), range(1, 40, 2)], [(), range(40)]])
def test_the_shares_of_two_processes_are_the_whole(shares, tmp_path):
    for number, share in enumerate(shares):
        torch.save(counts_of(*share).state_dict(), tmp_path / f"{number}.pth")
    states = [torch.load(tmp_path / f"{number}.pth", weights_only=True) for number in range(2)]
    together = InstanceCounts()
    together.load_state_dict(merged(states))
    whole = counts_of(*shares[0], *shares[1])
    assert together.compute() == whole.compute()
    assert together.compute() == counts_of(*range(40)).compute()  # the order of the images changes nothing
    assert together.table() == whole.table()
    assert together.by_area([5, 9]) == whole.by_area([5, 9])
    assert len(together.images) == 40


def test_a_state_replaces_what_was_added():
    counts, more = counts_of(0, 1), counts_of(2, 3, 4)
    before = more.compute()
    counts.load_state_dict(more.state_dict())
    assert counts.compute() == before
    counts.update(*random_pair(5)[:2])
    assert (len(counts.images), len(more.images)) == (4, 3)
    counts.load_state_dict(merged([InstanceCounts().state_dict(), InstanceCounts().state_dict()]))
    assert counts.images == []


def test_nothing_to_score():
    with pytest.raises(ValueError, match="no image was added"):
        InstanceCounts().compute()


def test_the_thresholds_are_those_of_the_bowl():
    assert THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
