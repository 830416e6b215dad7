"""Every loss with every kind of target that it takes, for tests of what all of them have in common."""

import pytest
import torch

from engine.loss_config import SECTIONS
from losses import LOSSES, build_loss

# task → shape of logits
SHAPES = {"binary": (2, 1, 5, 6), "multilabel": (2, 3, 5, 6), "multiclass": (2, 3, 5, 6)}
CASES = [pytest.param(build_loss(name), task, id=f"{name}-{task}") for name in LOSSES for task in SECTIONS[name].tasks]


def random_pair(task, shape=None, *, dtype=torch.float64, seed=5):
    """Random logits and a random target for a task."""
    generator = torch.Generator().manual_seed(seed)
    shape = shape or SHAPES[task]
    logits = torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype)
    if task == "multiclass":
        return logits, torch.randint(shape[1], (shape[0], *shape[2:]), generator=generator)
    return logits, (torch.rand(shape, generator=generator) < 0.4).to(dtype)


def perfect_logits(target, task, classes=3):
    """Logits that give the truth a probability of 1."""
    masks = torch.nn.functional.one_hot(target, classes).movedim(-1, 1).float() if task == "multiclass" else target
    return 100 * (2 * masks - 1)
