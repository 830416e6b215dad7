"""The time that a training waits for its batches."""

import time

import pytest

from engine.progress import EpochProgress


def slow(pause):
    for number in range(4):
        time.sleep(pause)
        yield number


@pytest.mark.parametrize(("making", "using"), [(0.02, 0), (0, 0.02)], ids=["slow batches", "slow steps"])
def test_only_the_making_of_batches_counts(making, using):
    progress, seen = EpochProgress(counts=None), []
    for number in progress.waiting_for(slow(making)):
        time.sleep(using)
        seen.append(number)
    assert seen == [0, 1, 2, 3]
    assert (progress.seconds_waited >= 0.08) == (making > 0)
