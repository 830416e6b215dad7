"""Agreement with stardist.matching, an independent implementation. It matches at IoU ≥ t, and ours at IoU > t."""

import importlib
import warnings
from fractions import Fraction

import numpy as np
import pytest
from support.label_maps import random_pair

from metrics import InstanceCounts, match_labels
from metrics.instances import THRESHOLDS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stardist():
    """The module, or a skip that says what to install; warnings of its import are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module("stardist.matching")
        except ModuleNotFoundError as error:
            pytest.skip(f"{error.name} is not installed; pip install stardist")


def without_void(seed):
    truth, found, _ = random_pair(seed)
    return truth.astype(np.int64), found.astype(np.int64)


def at_limit(overlap, threshold):
    """The number of pairs with exactly IoU = t."""
    exact = Fraction(round(100 * threshold), 100)
    united = overlap.true_areas[overlap.pairs[:, 0]] + overlap.areas[overlap.pairs[:, 1]] - overlap.shared
    return sum(Fraction(s, u) == exact for s, u in zip(overlap.shared.tolist(), united.tolist(), strict=True))


def test_matches_differ_only_where_the_iou_equals_the_threshold(stardist):
    differences = 0
    for seed in range(200):
        truth, found = without_void(seed)
        overlap = match_labels(truth, found)
        for threshold, theirs in zip(THRESHOLDS, stardist.matching(truth, found, thresh=THRESHOLDS), strict=True):
            hits, false, missed = overlap.at(threshold)
            more = theirs.tp - hits
            if threshold > 0.5:
                assert more == at_limit(overlap, threshold)
            else:  # at IoU = 0.5 an object may have two candidates, of which theirs takes one
                assert (more > 0) == (at_limit(overlap, threshold) > 0)
            assert (theirs.fp + more, theirs.fn + more) == (false, missed)
            differences += more
    assert differences > 10


def test_pooled_scores(stardist):
    """On pairs without IoU = t."""
    seeds = [s for s in range(200) if not any(at_limit(match_labels(*without_void(s)), t) for t in THRESHOLDS)]
    assert len(seeds) > 100
    counts = InstanceCounts()
    truths, founds = zip(*map(without_void, seeds), strict=True)
    for truth, found in zip(truths, founds, strict=True):
        counts.update(truth, found)
    scores = counts.compute()
    for threshold, theirs in zip(
        THRESHOLDS, stardist.matching_dataset(truths, founds, thresh=THRESHOLDS, show_progress=False), strict=True
    ):
        assert scores[f"ap_{round(100 * threshold)}"] == pytest.approx(theirs.accuracy)
        assert scores[f"f1_{round(100 * threshold)}"] == pytest.approx(theirs.f1)
    theirs = stardist.matching_dataset(truths, founds, thresh=0.5, show_progress=False)
    expected = theirs.precision, theirs.recall, theirs.mean_matched_score, theirs.panoptic_quality
    ours = [scores[name] for name in ("precision_50", "recall_50", "sq", "pq")]
    assert ours == pytest.approx(expected, abs=1e-6)  # their IoU are float32
    assert (scores["true_objects"], scores["predicted_objects"]) == (theirs.n_true, theirs.n_pred)
