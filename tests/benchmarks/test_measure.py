"""Turns, ratios, warnings, and the counting of work."""

import itertools
import time

import pytest
import torch
import torch.nn.functional as F

from benchmarks.measure import Timing, take_turns
from benchmarks.speed.limits import Limits, Work, count_work, measure_limits
from benchmarks.speed.loss import logits_of
from benchmarks.speed.settings import Settings


def test_callables_take_turns_after_a_call_that_is_not_timed():
    calls = []
    timing = take_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3, seconds=60)
    assert calls == ["a", "b"] * 4
    assert [len(times) for times in timing.seconds.values()] == [3, 3]


def test_no_more_than_two_rounds_when_time_is_over():
    timing = take_turns({"a": lambda: time.sleep(0.02)}, rounds=50, seconds=0.01)
    assert len(timing.seconds["a"]) == 2


def test_the_ratio_is_that_of_neighbouring_turns():
    timing = Timing({"slow": [2.0, 40.0, 6.0], "fast": [1.0, 20.0, 2.0]}, others=0.0, faults={})
    assert timing.ratio("slow", "fast") == (2.0, 2.0, 2.5)  # of 2, 2, 3
    assert timing.median("slow") == 6.0


@pytest.mark.parametrize(
    ("others", "slow", "warning"),
    [
        (0.0, [2.0, 2.0, 2.0], ""),
        (None, [2.0, 2.0, 2.0], ""),
        (0.5, [2.0, 2.0, 2.0], "other processes took 50% of the cores"),
        (0.0, [1.0, 2.0, 4.0], "ranges from 1.50 to 3.00"),
    ],
)
def test_a_disturbed_machine_is_told(others, slow, warning):
    found = Timing({"slow": slow, "fast": [1.0, 1.0, 1.0]}, others=others, faults={}).warning("slow", "fast")
    assert warning in found if warning else found == ""


def test_work_is_counted_as_by_hand():
    x, weight = torch.randn(2, 3, 8, 8), torch.randn(5, 3, 3, 3)
    convolution = count_work(lambda: F.conv2d(x, weight, padding=1))
    assert convolution == Work(operations=2 * 2 * 5 * 8 * 8 * 27, bytes=0)
    assert count_work(lambda: x.permute(0, 2, 3, 1) + 1) == Work(operations=0, bytes=2 * x.nbytes)
    limits = Limits(convolution=100.0, copy=10.0)
    assert Work(operations=50, bytes=10).shares(2.0, limits) == (0.25, 0.5)


@pytest.mark.slow
def test_limits_are_those_of_a_machine():
    limits = measure_limits("cpu", "fp32")
    assert 1e8 < limits.convolution < 1e15
    assert 1e8 < limits.copy < 1e14


def test_logits_are_correct_as_often_as_asked():
    for correct in (0.5, 0.97):
        logits, target = logits_of(correct, Settings(batch=2), side=128)
        assert ((logits > 0) == (target > 0.5)).float().mean().item() == pytest.approx(correct, abs=0.01)


@pytest.mark.slow
def test_batches_from_memory_and_from_files_hold_the_same_kind_of_samples():
    from benchmarks.speed.data import cached_batches, file_batches

    for batches in (cached_batches, file_batches):
        images, target = next(itertools.islice(batches(Settings(batch=4, size=32)), 20, None))
        assert (images.shape, images.dtype) == ((4, 3, 32, 32), torch.float32)
        assert (target.shape, target.dtype) == ((4, 1, 32, 32), torch.float32)
        assert set(target.unique().tolist()) == {0.0, 1.0}
