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
    return int(_sequence(seed, epoch, index, purpose).generate_state(1)[0])


def sample_numbers(seed: int, epoch: int, index: int, purpose: str, *, count: int) -> np.ndarray:
    """[count] float64, uniform in [0, 1): the numbers of one sample in one epoch, for one purpose."""
    return _sequence(seed, epoch, index, purpose).generate_state(count) / 2**32


def _sequence(seed: int, epoch: int, index: int, purpose: str) -> np.random.SeedSequence:
    words = [seed, epoch, index, *purpose.encode()]
    # Words of 32 bits as an array are the same entropy, taken in less than half the time.
    return np.random.SeedSequence(np.array(words, np.uint32) if seed < 2**32 else words)


def epoch_order(seed: int, epoch: int, count: int) -> list[int]:
    """A permutation of 0 … count − 1 for one epoch."""
    return np.random.default_rng([seed, epoch]).permutation(count).tolist()


def seed_step(seed: int, epoch: int, step: int, *, rank: int = 0) -> None:
    """Seeds torch on every device for one step, so that a network's own randomness needs nothing of what was before."""
    torch.manual_seed(sample_seed(seed, epoch, step, f"step of rank {rank}" if rank else "step"))
