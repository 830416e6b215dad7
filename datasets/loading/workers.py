"""The processes that prepare batches. A signal to the whole group does not end them, and none is waited for in vain."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import connection
from pathlib import Path

from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from torch.utils.data._utils import signal_handling

from datasets.loading.epoch_loader import EpochLoader
from datasets.loading.lost_worker import lost_worker
from datasets.loading.training_set import TrainingSet
from datasets.loading.worker_process import WatchedSet, collate, signals_held, start_worker
from system.errors import DataError
from system.machine.cores import usable_cores
from system.machine.memory import free_share

PATIENCE = 300  # seconds for one batch; a worker that needs longer counts as lost
GLANCE = 1  # seconds between two looks whether all workers live, while a batch is waited for
MOST_WORKERS = 8
CORES_PER_WORKER = 8  # when a CPU trains: its threads use all cores, and would wait for one that a worker uses
AHEAD = 3  # batches of each worker in shared memory: two are waiting and one is being read
SHARED_MEMORY = Path("/dev/shm")
MEMORY_SHARE = 0.25  # of the free memory for workers: samples take half of it, and the training needs some
WORKER_BYTES = 256 * 2**20  # memory of one worker besides batches and shared samples


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
        self.source, watched = dataset, WatchedSet(dataset, workers)
        self._remove_sockets: Callable[[], object] = lambda: None
        self._pinning_errors: list[BaseException] = []
        super().__init__(
            watched,
            batch_sampler=batches,
            collate_fn=collate,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=pin_memory,
            timeout=GLANCE if workers else 0,
        )

    @property
    def description(self) -> str:
        where = f"by {self.num_workers} workers" if self.num_workers else "in this process"
        how = "augmented one by one, by albumentations" if self.source.augment else "not augmented"
        return f"samples prepared {where}; {how}"

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        with self._losses_reported():
            batches = self._begun() if self.num_workers else super().__iter__()
        while True:
            with self._losses_reported():
                batch = self._next(batches)
            if batch is None:
                return
            if isinstance(batch, DataError):
                raise batch
            yield batch

    def __exit__(self, *exception: object) -> None:
        self._kill_workers()

    def _begun(self) -> Iterator[tuple[Tensor, Tensor] | DataError]:
        """Starts the workers, or wakes them for another epoch."""
        # Torch would raise its error for a dead worker wherever the main thread is, as in the middle of a save.
        signal_handling._SIGCHLD_handler_set = True
        if self._ended():
            raise ChildProcessError("a worker has ended since the last epoch")
        if self._iterator is None:
            sockets = tempfile.mkdtemp(prefix="pymp-")  # in place of the folder that each worker would make for itself
            self.worker_init_fn = partial(start_worker, sockets=sockets, parent=os.getpid())
            with signals_held():
                batches = super().__iter__()
            self._remove_sockets = weakref.finalize(batches, shutil.rmtree, sockets, ignore_errors=True)
            self._pinning_errors = _errors_of(getattr(batches, "_pin_memory_thread", None))
        else:
            self._iterator._timeout = 0  # torch waits for all workers to wake up, and looks whether they live
            batches = super().__iter__()
        batches._timeout = GLANCE
        return batches

    def _next(self, batches: Iterator[tuple[Tensor, Tensor] | DataError]) -> tuple[Tensor, Tensor] | DataError | None:
        """Returns the next batch; None after the last one. Every `GLANCE` seconds it looks whether all workers live."""
        began = time.monotonic()
        while True:
            try:
                return next(batches, None)
            except RuntimeError as error:  # torch itself has looked for workers that have ended
                if self._pinning_errors:
                    raise self._pinning_errors[0] from error
                if not _timed_out(error) or time.monotonic() - began > PATIENCE:
                    raise

    @contextmanager
    def _losses_reported(self) -> Iterator[None]:
        """Turns the error of a block into one message if a worker is lost: it has ended, or it does not answer."""
        try:
            yield
        except Exception as error:  # torch raises many kinds: what is half received may be anything
            if not self._workers:
                raise
            # All files of a worker that is killed are closed a little before the worker has ended.
            closed = connection.wait([worker.sentinel for worker in self._workers], timeout=1)
            for worker in self._workers:
                if worker.sentinel in closed:
                    worker.join()
            ended = self._ended()
            if not ended and not _timed_out(error):
                raise
            code = self._workers[ended[0]].exitcode if ended else None
            at_work = self.dataset.at_work(ended or range(self.num_workers))
            self._kill_workers()
            raise lost_worker(code, at_work, patience=PATIENCE) from error

    @property
    def _workers(self) -> list[multiprocessing.Process]:
        return self._iterator._workers if self.num_workers and self._iterator is not None else []

    def _ended(self) -> list[int]:
        """The numbers of the workers that are not alive any more."""
        return [number for number, worker in enumerate(self._workers) if worker.exitcode is not None]

    def _kill_workers(self) -> None:
        iterator, self._iterator = self._iterator, None
        if iterator is not None:
            for worker in iterator._workers:
                worker.kill()
            # A worker that was killed may have held the lock of the event that all processes share.
            iterator._workers_done_event = threading.Event()
            iterator._shutdown_workers()
        self._remove_sockets()


def _timed_out(error: Exception) -> bool:
    return isinstance(error, RuntimeError) and str(error).startswith("DataLoader timed out")


def _errors_of(thread: threading.Thread | None) -> list[BaseException]:
    """Returns a list that gets the error by which this thread will end. Python would print its traceback instead."""
    errors, print_error = [], threading.excepthook

    def keep(arguments: threading.ExceptHookArgs) -> None:
        if arguments.thread is thread:
            errors.append(arguments.exc_value)
        else:
            print_error(arguments)

    if thread is not None:
        threading.excepthook = keep
    return errors


def choose_workers(*, on_gpu: bool, batch_bytes: int) -> int:
    """The number of worker processes that suits this machine.

    With a GPU it is one less than the usable cores, and at most 8; when the CPU trains it is one for each 8 cores. It
    is less where the memory, or the shared memory for the batches, has little room. The processes of one training on
    one machine (LOCAL_WORLD_SIZE of torchrun) share all these. It is 0 where processes are not forked, because each
    would have its own copy of all samples.

    Args:
        on_gpu: whether a GPU trains.
        batch_bytes: size of a batch of images and targets.
    """
    if multiprocessing.get_context().get_start_method() != "fork":
        return 0
    sharing = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    cores = usable_cores() // sharing
    workers = cores - 1 if on_gpu else cores // CORES_PER_WORKER
    workers = min(workers, free_share(MEMORY_SHARE) // (WORKER_BYTES + AHEAD * batch_bytes))
    if SHARED_MEMORY.is_dir():
        workers = min(workers, shutil.disk_usage(SHARED_MEMORY).free // sharing // (AHEAD * batch_bytes))
    return max(0, min(workers, MOST_WORKERS))
