"""Every score of objects, against its definition written out with sets of pixels and exact fractions."""

from fractions import Fraction
from itertools import pairwise
from math import isnan

import numpy as np
import pytest
from support.label_maps import random_pair

from metrics import InstanceCounts, match_labels
from metrics.aggregated_jaccard import aji_plus_terms, aji_terms

MAPS = 200
PERCENT = range(50, 100, 5)


def objects_of(labels, void):
    """The objects as sets of pixels, by rising id; void pixels belong to none of them."""
    hidden = set() if void is None else set(np.flatnonzero(void).tolist())
    sets = [set(np.flatnonzero(labels == number).tolist()) for number in sorted(set(labels.ravel().tolist()) - {0})]
    return [(one - hidden, len(one & hidden)) for one in sets]


def read_pair(seed):
    """The true and the predicted objects of a pair, after void pixels and what lies in them are left out."""
    truth, found, void = random_pair(seed)
    true = [one for one, _ in objects_of(truth, void) if one]
    return true, [one for one, inside in objects_of(found, void) if one and inside <= len(one)]


def iou(one, other):
    return Fraction(len(one & other), len(one | other))


def share(part, whole):
    return Fraction(part, whole) if whole else Fraction(1)


def aggregated(true, found, partners):
    """Intersection and union of a list of (number of a true object, number of a predicted one)."""
    lonely = [true[t] for t in range(len(true)) if t not in [t for t, _ in partners]]
    lonely += [found[p] for p in range(len(found)) if p not in [p for _, p in partners]]
    return (
        sum(len(true[t] & found[p]) for t, p in partners),
        sum(len(true[t] | found[p]) for t, p in partners) + sum(map(len, lonely)),
    )


def aji_of(true, found):
    best = [(t, max(range(len(found)), key=lambda p: iou(one, found[p]))) for t, one in enumerate(true) if found]
    return aggregated(true, found, [(t, p) for t, p in best if true[t] & found[p]])


def one_to_one(true, found, t=0, taken=()):
    """Every way to give true objects different predicted objects that share pixels with them."""
    if t == len(true):
        yield []
        return
    yield from one_to_one(true, found, t + 1, taken)
    for p in range(len(found)):
        if p not in taken and true[t] & found[p]:
            yield from ([(t, p), *rest] for rest in one_to_one(true, found, t + 1, (*taken, p)))


def aji_plus_of(true, found):
    """The terms of the way whose total IoU is the largest; in the pairs of this file there is only one."""
    totals = [(sum(iou(true[t], found[p]) for t, p in way), way) for way in one_to_one(true, found)]
    largest = max(total for total, _ in totals)
    (terms,) = {aggregated(true, found, way) for total, way in totals if total == largest}
    return terms


def written_out(pairs):
    """The pooled scores of pairs, as fractions."""
    true, found = sum(len(true) for true, _ in pairs), sum(len(found) for _, found in pairs)
    values = [iou(t, p) for true, found in pairs for t in true for p in found]
    hits = {t: sum(value > Fraction(t, 100) for value in values) for t in PERCENT}
    ap = {t: share(hits[t], true + found - hits[t]) for t in PERCENT}
    empty = true + found == 0
    aji, aji_plus = [aji_of(*pair) for pair in pairs], [aji_plus_of(*pair) for pair in pairs]
    sq = sum(value for value in values if value > Fraction(1, 2)) / hits[50] if hits[50] else Fraction(empty)
    dq = share(2 * hits[50], true + found)
    bias = Fraction(found - true, true) if true else Fraction(found > 0)
    return {
        "ap": sum(ap.values()) / 10,
        **{f"ap_{t}": ap[t] for t in PERCENT},
        **{f"f1_{t}": share(2 * hits[t], true + found) for t in PERCENT},
        "precision_50": share(hits[50], found) if found else Fraction(empty),
        "recall_50": share(hits[50], true) if true else Fraction(empty),
        "pq": sq * dq,
        "sq": sq,
        "dq": dq,
        "aji": share(sum(i for i, _ in aji), sum(u for _, u in aji)),
        "aji_plus": share(sum(i for i, _ in aji_plus), sum(u for _, u in aji_plus)),
        "true_objects": true,
        "predicted_objects": found,
        "count_error": abs(bias),
        "count_bias": bias,
    }


def counts_of(seeds):
    counts = InstanceCounts()
    for seed in seeds:
        truth, found, void = random_pair(seed)
        counts.update(truth, found, void=void)
    return counts


def assert_same(ours, expected):
    assert set(ours) == set(expected)
    different = {name: (ours[name], float(expected[name])) for name in ours if not close(ours[name], expected[name])}
    assert different == {}


def close(ours, expected):
    return abs(ours - float(expected)) < 1e-12


@pytest.mark.parametrize("seed", range(MAPS))
def test_one_pair_agrees(seed):
    true, found = pair = read_pair(seed)
    truth, labels, void = random_pair(seed)
    overlap = match_labels(truth, labels, void=void)
    assert (overlap.true_areas.tolist(), overlap.areas.tolist()) == (list(map(len, true)), list(map(len, found)))
    shared = {(t, p): len(one & other) for t, one in enumerate(true) for p, other in enumerate(found) if one & other}
    assert dict(zip(map(tuple, overlap.pairs.tolist()), overlap.shared.tolist(), strict=True)) == shared
    assert aji_terms(overlap) == aji_of(*pair)
    assert aji_plus_terms(overlap) == aji_plus_of(*pair)
    assert_same(counts_of([seed]).table()[0], written_out([pair]))


def test_the_set_agrees():
    """The pooled scores, and the means over the images."""
    pairs = [read_pair(seed) for seed in range(MAPS)]
    expected, single = written_out(pairs), [written_out([pair]) for pair in pairs]
    for name in ("ap_50", "f1_50", "pq", "aji", "aji_plus"):
        expected[f"{name}_per_image"] = sum(one[name] for one in single) / len(single)
    expected["bowl"] = sum(one["ap"] for one in single) / len(single)
    errors = [one["count_error"] for one in single if one["true_objects"]]
    expected["count_error_per_image"] = sum(errors) / len(errors)
    assert_same(counts_of(range(MAPS)).compute(), expected)


@pytest.mark.parametrize("limits", [[4], [3, 8], [1, 2, 100]])
def test_scores_by_area_agree(limits):
    pairs = [read_pair(seed) for seed in range(MAPS)]
    classes = counts_of(range(MAPS)).by_area(limits)
    for (low, high), ours in zip(pairwise([0, *limits, 10**9]), classes.values(), strict=True):
        hits = missed = false = 0
        for true, found in pairs:
            for one in true:
                hit = any(iou(one, other) > Fraction(1, 2) for other in found)
                hits += low <= len(one) < high and hit
                missed += low <= len(one) < high and not hit
            unmatched = [one for one in found if all(iou(one, other) <= Fraction(1, 2) for other in true)]
            false += sum(low <= len(one) < high for one in unmatched)
        assert ours["true_objects"] == hits + missed
        assert isnan(ours["recall_50"]) if not hits + missed else close(ours["recall_50"], hits / (hits + missed))
        whole = hits + missed + false
        assert isnan(ours["ap_50"]) if not whole else close(ours["ap_50"], hits / whole)


def test_the_pairs_hold_what_is_hard():
    """The control: without these the agreement above would say little."""
    seen = dict.fromkeys(
        ("no truth", "no prediction", "neither", "void", "one pixel", "touching", "IoU = t", "AJI+"), 0
    )
    for seed in range(MAPS):
        truth, _, void = random_pair(seed)
        true, found = read_pair(seed)
        seen["neither"] += not true and not found
        seen["no truth"] += not true and bool(found)
        seen["no prediction"] += bool(true) and not found
        seen["void"] += void is not None and bool(void.any())
        seen["one pixel"] += any(len(one) == 1 for one in true)
        beside = (truth[:, 1:] != truth[:, :-1]) & (truth[:, 1:] > 0) & (truth[:, :-1] > 0)
        seen["touching"] += bool(beside.any())
        seen["IoU = t"] += any(iou(t, p) * 20 in range(10, 20) for t in true for p in found)
        seen["AJI+"] += aji_of(true, found) != aji_plus_of(true, found)
    assert min(seen.values()) >= 3, seen
