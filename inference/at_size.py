"""Brings the logits of a resized image back to the image's own size."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from images.resize import resize_image


def at_size(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Resizes logits [C, h, w] float32 to `size` = (height, width): [C, *size] float32 on the CPU."""
    return torch.from_numpy(np.stack([resize_image(values, size) for values in logits.cpu().numpy()]))
