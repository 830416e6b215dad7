"""What a training is told of its data."""

import pytest

import datasets.samples
from datasets.survey import load_training_data
from tasks.binary import Binary


@pytest.mark.parametrize(("kept", "told"), [(10, False), (4, True)])
def test_samples_that_do_not_fit_into_memory_are_told(small_set, monkeypatch, kept, told):
    one = 16 * 16 * 4  # bytes of a colour image and its mask
    monkeypatch.setattr(datasets.samples, "CACHE_BYTES", kept * one // 2)
    choices = {"normalise": "dataset", "val_fraction": 0.5, "split_seed": 0, "channels": 3}
    data = load_training_data(small_set, Binary, size=(16, 16), **choices)
    expected = [min(kept // 2, len(part)) for part in (data.train, data.val)]
    assert [part.in_memory for part in (data.train, data.val)] == expected
    assert ("do not fit into memory and are read again in every epoch" in data.description) == told
