"""Times the Lovász hinge, forward and backward, against a loop over images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.measure import take_turns
from benchmarks.plain import lovasz_hinge_loop
from benchmarks.speed.limits import Limits
from benchmarks.speed.rows import Row, shares_of, timed_row
from benchmarks.speed.settings import Settings
from losses import build_loss

SIDE = 256


def loss_rows(settings: Settings, limits: Limits) -> list[Row]:
    loss, rows = build_loss("LovaszHingeLoss"), []
    cases = (("untrained", 0.5, "≥ 1.8, stretch 4"), ("97 % correct", 0.97, "≥ 1.8, stretch 15"))
    for label, correct, asked in cases:
        logits, target = logits_of(correct, settings)
        ours, loop = _both_ways(loss, logits, target), _both_ways(lovasz_hinge_loop, logits, target)
        timing = take_turns({"ours": ours, "loop over images": loop}, **settings.timing)
        work = f"Lovász hinge, forward and backward, batch {settings.batch} at {SIDE}×{SIDE}, {label} logits"
        shares = shares_of(ours, timing.median("ours"), limits)
        rows.append(timed_row(work, timing, other="loop over images", asked=asked, shares=shares))
    return rows


def logits_of(correct: float, settings: Settings, side: int = SIDE) -> tuple[Tensor, Tensor]:
    """Returns logits and their target, both [batch, 1, side, side]. A fifth of the target is foreground.

    Args:
        correct: the share of the logits that have the sign of the target. With 0.5 the logits are small, as those of an
            untrained network. With more, most of them lie outside the margin of the hinge.
    """
    generator = torch.Generator().manual_seed(0)
    shape = settings.batch, 1, side, side
    target = (torch.rand(shape, generator=generator) > 0.8).float()
    magnitude = torch.randn(shape, generator=generator).abs() * 0.1 + (0 if correct == 0.5 else 3)
    right = torch.rand(shape, generator=generator) < correct
    logits = magnitude * torch.where(right, 1, -1) * (2 * target - 1)
    return logits.to(settings.device), target.to(settings.device)


def _both_ways(loss: Callable[[Tensor, Tensor], Tensor], logits: Tensor, target: Tensor) -> Callable[[], None]:
    leaf = logits.clone().requires_grad_()

    def forward_and_backward() -> None:
        leaf.grad = None
        loss(leaf, target).backward()

    return forward_and_backward
