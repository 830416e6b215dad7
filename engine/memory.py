"""When memory runs out, the error says what to change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from system.errors import MemoryExceededError, first_line, is_out_of_memory


@contextmanager
def advice_when_memory_runs_out(
    *, batch_size: int, accumulate: int, images_at_once: int, side_key: str
) -> Iterator[None]:
    """Returns a context that turns a failed allocation into MemoryExceededError, which suggests a size that may fit.

    Args:
        batch_size, accumulate: as configured.
        images_at_once: number of images that go through the network at once, in one process.
        side_key: the key that sets the size of the network's input. The error names it if there is one image at once.
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
            f"({first_line(error)}); try {smaller}. This makes it another training, so add "
            "name=… or --fresh"
        ) from error
