"""Cross-entropy with class weights given as a list, as a configuration gives them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class CrossEntropyLoss(nn.CrossEntropyLoss):
    """PyTorch's own: logits [N, K, *space] and class indices int64 [N, *space] → scalar."""

    def __init__(self, *, weight: Sequence[float] | None = None, ignore_index: int = -100) -> None:
        super().__init__(None if weight is None else torch.tensor(weight), ignore_index=ignore_index)
