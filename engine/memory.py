"""Running out of memory, told with a size that may fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.schema.config import TrainConfig
from system.errors import MemoryExceededError, is_out_of_memory


@contextmanager
def memory_told(settings: TrainConfig, *, ranks: int, side_key: str) -> Iterator[None]:
    """A context that turns a failed allocation into MemoryExceededError with what to change.

    Args:
        settings, ranks: the size of a step, and in how many parts it goes through the network.
        side_key: the key that sets the size of what the network sees, for a batch that cannot be smaller.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        batch_size, accumulate, images = settings.batch_size, settings.accumulate, settings.part_size(ranks)
        smaller = f"a smaller {side_key} or model.filters"
        if images > 1:
            smaller = f"train.batch_size={batch_size * (images // 2) // images}"
        if images > 1 and images % 2 == 0:
            smaller = f"train.accumulate={2 * accumulate}, which takes the same batch in smaller parts, or {smaller}"
        raise MemoryExceededError(
            f"out of memory with train.batch_size {batch_size}, {images} images at once "
            f"({str(error).splitlines()[0] or 'no memory'}); try {smaller}. That is another training: give name=… or "
            "--fresh with it"
        ) from error
