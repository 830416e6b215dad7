"""Numbers of a sample: NumPy's seed sequences of (seed, epoch, index, purpose)."""

import numpy as np
import pytest

from system.seeding import sample_numbers, sample_seed


@pytest.mark.parametrize("seed", [0, 41, 2**32 - 1, 2**32, 2**70])
def test_they_are_those_of_numpy_s_seed_sequence(seed):
    words = np.random.SeedSequence([seed, 3, 7, *b"crop"]).generate_state(5)
    assert sample_seed(seed, 3, 7, "crop") == words[0]
    assert (sample_numbers(seed, 3, 7, "crop", count=5) == words / 2**32).all()


def test_each_sample_epoch_purpose_and_seed_has_its_own():
    keys = [(s, e, i, p) for s in (1, 2) for e in (1, 2) for i in range(50) for p in ("crop", "augment")]
    numbers = np.stack([sample_numbers(*key, count=6) for key in keys])
    assert len({row.tobytes() for row in numbers}) == len(keys)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert np.abs(numbers.mean(axis=0) - 0.5).max() < 0.06  # three standard errors of 400 uniform numbers are 0.043
