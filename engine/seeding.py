"""Randomness as a function of (seed, epoch, sample), whatever the number of workers."""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seeds Python, NumPy and torch; what follows is the initial weights of the network."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def sample_seed(seed: int, epoch: int, index: int, purpose: str) -> int:
    """A 32-bit seed for one sample in one epoch; each purpose (crop, augment) gets one of its own."""
    return int(np.random.SeedSequence([seed, epoch, index, *purpose.encode()]).generate_state(1)[0])


def epoch_order(seed: int, epoch: int, count: int) -> list[int]:
    """A permutation of 0 … count − 1 for one epoch."""
    return np.random.default_rng([seed, epoch]).permutation(count).tolist()


def seed_step(seed: int, epoch: int, step: int, *, rank: int = 0) -> None:
    """Seeds torch on every device for one step, so that a network's own randomness needs nothing of what was before."""
    torch.manual_seed(sample_seed(seed, epoch, step, f"step of rank {rank}" if rank else "step"))
