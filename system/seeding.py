"""Randomness as a function of (seed, epoch, sample). The number of workers changes nothing."""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seeds Python, NumPy and torch, before the initial weights of the network are drawn."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def sample_seed(seed: int, epoch: int, index: int, purpose: str) -> int:
    """Returns a 32-bit seed for one sample in one epoch. Each purpose, such as crop or augment, has its own seed."""
    return int(_sequence(seed, epoch, index, purpose).generate_state(1)[0])


def sample_numbers(seed: int, epoch: int, index: int, purpose: str, *, count: int) -> np.ndarray:
    """Returns uniform random numbers for one sample in one epoch and for one purpose: [count] float64 in [0, 1)."""
    return _sequence(seed, epoch, index, purpose).generate_state(count) / 2**32


def _sequence(seed: int, epoch: int, index: int, purpose: str) -> np.random.SeedSequence:
    words = [seed, epoch, index, *purpose.encode()]
    # An array of 32-bit words gives the same sequence as the list, in less than half the time.
    return np.random.SeedSequence(np.array(words, np.uint32) if seed < 2**32 else words)


def epoch_order(seed: int, epoch: int, count: int) -> list[int]:
    """Returns a permutation of 0 … count − 1 for one epoch."""
    return np.random.default_rng([seed, epoch]).permutation(count).tolist()


def seed_step(seed: int, epoch: int, step: int, *, rank: int = 0) -> None:
    """Seeds torch on every device for one step, so that random layers of a network do not depend on earlier steps."""
    torch.manual_seed(sample_seed(seed, epoch, step, f"step of rank {rank}" if rank else "step"))
