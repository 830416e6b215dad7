"""Out of memory: exit 5 with a size that may fit, and any other error left as it is."""

import sys

import pytest
import torch

from engine.memory import advice_when_memory_runs_out
from engine.schema.config import TrainConfig
from system.errors import MemoryExceededError


def advice(batch_size, accumulate=1, ranks=1):
    settings = TrainConfig(epochs=1, batch_size=batch_size, accumulate=accumulate)
    return advice_when_memory_runs_out(
        batch_size=batch_size,
        accumulate=accumulate,
        images_at_once=settings.micro_batch_size(ranks),
        side_key="data.size",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator's words")
@pytest.mark.parametrize(
    ("batch_size", "accumulate", "ranks", "told"),
    [
        (16, 1, 1, "try train.accumulate=2, .* or train.batch_size=8"),
        (16, 2, 4, "2 images at once .* try train.accumulate=4, .* or train.batch_size=8"),
        (12, 1, 4, "try train.batch_size=4"),  # no other that four processes could share
        (1, 1, 1, "try a smaller data.size"),
        (8, 1, 8, "try a smaller data.size"),
    ],
)
def test_a_failed_allocation(batch_size, accumulate, ranks, told):
    with (
        pytest.raises(MemoryExceededError, match=told) as error,
        advice(batch_size, accumulate, ranks),
    ):
        torch.empty(2**60, dtype=torch.uint8)
    assert error.value.exit_code == 5


def test_other_failures_pass():
    for failure in (RuntimeError("shapes differ"), ValueError("x")):
        with pytest.raises(type(failure), match=str(failure)), advice(2):
            raise failure
    with pytest.raises(MemoryExceededError), advice(2):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    with pytest.raises(MemoryExceededError, match=r"\(MemoryError\); try"), advice(2):
        raise MemoryError  # as Python itself raises it, without a text
