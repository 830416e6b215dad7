"""Scores of each image → intervals of the whole set, through the columns of scores.csv."""

import numpy as np
import pytest

from assemble.model_facts import _split, interval_of
from engine.schema.config_file import load_config
from metrics.intervals import ratio_interval

RNG = np.random.default_rng(5)
TRUE = RNG.integers(0, 60, 40)
PREDICTED = RNG.integers(0, 60, 40)
TRUE[0] = PREDICTED[0] = 0  # an image without cells, whose scores are 1
HITS = np.minimum(TRUE, PREDICTED) * RNG.integers(0, 11, 40) // 10
IOU = HITS * RNG.uniform(0.5, 1, 40)  # the sum of the IoU of the matches of each image


def rows():
    """Rows of scores.csv, with six decimals as it has them."""
    found = []
    for true, predicted, hits, iou in zip(TRUE, PREDICTED, HITS, IOU, strict=True):
        union = true + predicted - hits
        ap, pq = (hits / union, 2 * iou / (true + predicted)) if union else (1.0, 1.0)
        counts = {"true_objects": f"{true}", "predicted_objects": f"{predicted}"}
        found.append({"ap_50": f"{ap:.6f}", "pq": f"{pq:.6f}", "iou_image_size": f"{pq:.6f}"} | counts)
    return found


@pytest.mark.parametrize(
    ("name", "parts", "wholes"),
    [
        ("ap_50", HITS, TRUE + PREDICTED - HITS),
        ("f1_50", 2 * HITS, TRUE + PREDICTED),
        ("pq", 2 * IOU, TRUE + PREDICTED),
        ("iou_per_image", np.append(1, 2 * IOU[1:] / (TRUE + PREDICTED)[1:]), np.ones(40)),
    ],
)
def test_intervals_are_those_of_the_counts(name, parts, wholes):
    """The counts of cells come back from scores that were divided and rounded."""
    assert interval_of(name, rows()) == pytest.approx(ratio_interval(parts, wholes), abs=2e-6)


def test_scores_without_an_interval():
    assert interval_of("iou", rows()) is None  # pooled over pixels, whose counts the table does not have
    assert interval_of("ap_50", [{"iou_image_size": "0.5"}] * 3) is None
    assert interval_of("ap_50", rows()[:1]) is None
    assert interval_of("ap_50", rows()[:2]) is not None  # the control


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([], "Of the images, 20% validate, drawn with the seed 41."),
        (["data.val_fraction=0.0015"], "Of the images, 0.15% validate, drawn with the seed 41."),
        (["data.split=grouped", "data.test_fraction=0.1"], "before that, 10% were drawn for a test."),
        (["data.split=grouped"], "Of the groups of images that belong together, 20% validate"),
        (["data.folds=5", "data.fold=2"], "fold 2 of 5 (from 0) validate"),
        (["data.split_file=inputs/x.csv"], "The file inputs/x.csv says which images train, validate and test."),
    ],
)
def test_how_the_images_were_divided(changes, sentence, small_config):
    assert sentence in _split(load_config(small_config, changes))
