"""The processes that prepare batches. A signal to the whole group does not end them, and none is waited for in vain."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate, get_worker_info
from torch.utils.data._utils import signal_handling

from datasets.loading.epoch_loader import EpochLoader
from datasets.samples import TrainingSet
from system.cores import usable_cores
from system.errors import DataError
from system.signals import NUMBERS

PATIENCE = 300  # seconds for one batch; a worker that needs longer counts as lost
MOST_WORKERS = 8
CORES_PER_WORKER = 8  # when a CPU trains: its threads use all cores, and would wait for one that a worker uses
AHEAD = 3  # batches of each worker in shared memory: two are waiting and one is being read
SHARED_MEMORY = Path("/dev/shm")


class TrainingLoader(EpochLoader, DataLoader):
    """Batches in the order of `batches`, for any number of workers. An error names the sample of a worker that is lost.

    A loader is a context, at whose end the workers are killed. Python would end them with SIGTERM, which they ignore.

    Attributes:
        description: one line that says how samples are prepared.

    Args:
        dataset: key → sample.
        batches: see `EpochLoader`.
        workers: number of processes.
    """

    def __init__(self, dataset: TrainingSet, batches: Sampler, *, workers: int, pin_memory: bool) -> None:
        self.source, watched = dataset, _Watched(dataset, workers)
        super().__init__(
            watched,
            batch_sampler=batches,
            collate_fn=_collate,
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=_start_worker,
            pin_memory=pin_memory,
            timeout=PATIENCE if workers else 0,
        )

    @property
    def description(self) -> str:
        where = f"by {self.num_workers} workers" if self.num_workers else "in this process"
        how = "augmented one by one, by albumentations" if self.source.augment else "not augmented"
        return f"samples prepared {where}; {how}"

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        try:
            with _signals_held():
                batches = super().__iter__()
            for batch in batches:
                if isinstance(batch, DataError):
                    raise batch
                yield batch
        except RuntimeError as error:
            if "DataLoader" not in str(error):
                raise
            self._kill_workers()
            at_work = ", ".join(self.dataset.at_work()) or "no sample"
            reason = str(error).splitlines()[0]
            raise DataError(
                f"a worker that prepares samples is lost, at work on {at_work} ({reason}); repair or remove the "
                "sample, or, if there was not enough memory, lower train.workers; --resume continues the run"
            ) from error

    def __exit__(self, *exception: object) -> None:
        self._kill_workers()

    def _kill_workers(self) -> None:
        iterator, self._iterator = self._iterator, None
        if iterator is not None:
            signal_handling._remove_worker_pids(id(iterator))  # so that their end raises no error
            iterator._worker_pids_set = False
            for process in iterator._workers:
                process.kill()
            iterator._shutdown_workers()


def choose_workers(*, on_gpu: bool, batch_bytes: int) -> int:
    """The number of worker processes that suits this machine.

    With a GPU it is one less than the usable cores, and at most 8; when the CPU trains it is one for each 8 cores. The
    processes of one training on one machine (LOCAL_WORLD_SIZE of torchrun) share the cores and the shared memory for
    the batches. It is 0 where processes are not forked, because each would have its own copy of all samples.

    Args:
        on_gpu: whether a GPU trains.
        batch_bytes: size of a batch of images and targets.
    """
    if multiprocessing.get_context().get_start_method() != "fork":
        return 0
    sharing = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    cores = usable_cores() // sharing
    workers = cores - 1 if on_gpu else cores // CORES_PER_WORKER
    if SHARED_MEMORY.is_dir():
        workers = min(workers, shutil.disk_usage(SHARED_MEMORY).free // sharing // (AHEAD * batch_bytes))
    return max(0, min(workers, MOST_WORKERS))


class _Watched(Dataset):
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

    def at_work(self) -> list[str]:
        """The ids of the samples that workers have begun and not finished."""
        return [self.source.id_of(tuple(key)) for key in self._begun.tolist() if key[1] >= 0]


def _collate(samples: list[tuple[Tensor, Tensor] | DataError]) -> list[Tensor] | DataError:
    """A batch of samples; the first error, where a sample is one."""
    errors = [sample for sample in samples if isinstance(sample, DataError)]
    return errors[0] if errors else default_collate(samples)


# A terminal and a scheduler send a signal to the whole group. The parent needs its workers until it has saved.
_STOPPING = set(NUMBERS)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Makes these signals wait, also in a process that starts in this context; `_start_worker` lets it receive them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(worker: int) -> None:
    cv2.setNumThreads(0)  # the workers already run in parallel
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
