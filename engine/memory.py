"""What to change when memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from system.errors import MemoryExceededError, is_out_of_memory


@contextmanager
def advice_when_memory_runs_out(
    *, batch_size: int, accumulate: int, images_at_once: int, side_key: str
) -> Iterator[None]:
    """A context that turns a failed allocation into MemoryExceededError, which suggests a size that may fit.

    Args:
        batch_size, accumulate: as configured.
        images_at_once: what one process puts through the network at once.
        side_key: the key that sets the size of what the network sees, for a batch that cannot be smaller.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        images = images_at_once
        smaller = f"a smaller {side_key} or model.filters"
        if images > 1:
            smaller = f"train.batch_size={batch_size * (images // 2) // images}"
        if images > 1 and images % 2 == 0:
            smaller = f"train.accumulate={2 * accumulate}, which takes the same batch in smaller pieces, or {smaller}"
        raise MemoryExceededError(
            f"out of memory with train.batch_size {batch_size}, {images} images at once "
            f"({str(error).splitlines()[0] or 'no memory'}); try {smaller}. That is another training: give name=… or "
            "--fresh with it"
        ) from error
