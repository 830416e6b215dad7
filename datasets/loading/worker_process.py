"""What runs in a worker process: it prepares batches, and lets the training decide when it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import util

import cv2
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate, get_worker_info

from datasets.loading.training_set import TrainingSet
from system.errors import DataError
from system.signals import NUMBERS


class WatchedSet(Dataset):
    """A training set that notes which sample each worker is preparing, in memory that all processes share."""

    def __init__(self, source: TrainingSet, workers: int) -> None:
        self.source = source
        self._begun = torch.full((max(workers, 1), 2), -1).share_memory_()  # (epoch, index) for each worker

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor] | DataError:
        worker = get_worker_info()
        if worker is None:
            return self.source[key]
        self._begun[worker.id] = torch.tensor(key)
        try:
            sample = self.source[key]
        except DataError as error:  # goes to the parent like a sample: torch would hand on a text of its traceback
            sample = error
        self._begun[worker.id] = -1
        return sample

    def at_work(self, workers: Iterable[int]) -> list[str]:
        """The ids of the samples that these workers have begun and not finished."""
        keys = [tuple(self._begun[worker].tolist()) for worker in workers]
        return [self.source.id_of(key) for key in keys if key[1] >= 0]


def collate(samples: list[tuple[Tensor, Tensor] | DataError]) -> list[Tensor] | DataError:
    """A batch of samples; the first error, where a sample is one."""
    errors = [sample for sample in samples if isinstance(sample, DataError)]
    return errors[0] if errors else default_collate(samples)


# A terminal and a scheduler send a signal to the whole group. The parent needs its workers until it has saved.
_STOPPING = set(NUMBERS)


@contextmanager
def signals_held() -> Iterator[None]:
    """Makes these signals wait, also in a process that starts in this context; `start_worker` lets it receive them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_worker(worker: int, *, sockets: str, parent: int) -> None:
    """Prepares a worker process.

    Args:
        sockets: the folder of the sockets through which batches are sent. The training removes it, because a worker
            that is killed cannot. If the training itself was killed, the last worker to end does it.
        parent: the number of the training's process.
    """
    multiprocessing.current_process()._config["tempdir"] = sockets
    util.Finalize(None, _remove_if_orphaned, args=(sockets, parent), exitpriority=-100)
    cv2.setNumThreads(0)  # the workers already run in parallel
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


def _remove_if_orphaned(folder: str, parent: int) -> None:
    if os.getppid() != parent:
        with suppress(OSError):  # other workers still have their sockets there
            os.rmdir(folder)  # noqa: PTH106
