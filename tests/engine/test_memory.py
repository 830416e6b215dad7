"""Out of memory: exit 5 with a size that may fit, and any other error left as it is."""

import sys

import pytest
import torch

from engine.errors import MemoryExceededError
from engine.memory import memory_told

TELLING = {"side_key": "data.size"}


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator's words")
@pytest.mark.parametrize(("batch_size", "told"), [(16, "try train.batch_size=8"), (1, "try a smaller data.size")])
def test_a_failed_allocation(batch_size, told):
    with (
        pytest.raises(MemoryExceededError, match=told) as error,
        memory_told(batch_size=batch_size, **TELLING),
    ):
        torch.empty(2**60, dtype=torch.uint8)
    assert error.value.exit_code == 5


def test_other_failures_pass():
    for failure in (RuntimeError("shapes differ"), ValueError("x")):
        with pytest.raises(type(failure), match=str(failure)), memory_told(batch_size=2, **TELLING):
            raise failure
    with pytest.raises(MemoryExceededError), memory_told(batch_size=2, **TELLING):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
