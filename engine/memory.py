"""Running out of memory, told with a size that may fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.errors import MemoryExceededError, is_out_of_memory


@contextmanager
def memory_told(*, batch_size: int, side_key: str) -> Iterator[None]:
    """A context that turns a failed allocation into MemoryExceededError with what to change.

    Args:
        batch_size: of the step.
        side_key: the key that sets the size of what the network sees, for a batch that cannot be smaller.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        smaller = f"train.batch_size={batch_size // 2}" if batch_size > 1 else f"a smaller {side_key} or model.filters"
        raise MemoryExceededError(
            f"out of memory with train.batch_size {batch_size} ({str(error).splitlines()[0] or 'no memory'}); "
            f"try {smaller}. Another batch size is another training: give name=… or --fresh with it"
        ) from error
