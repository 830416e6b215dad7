"""A worker that dies or hangs is an error that names its sample."""

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
import torch
from torch.utils.data._utils import pin_memory

from datasets.loading import workers as workers_module
from datasets.loading.loaders import EpochBatches
from datasets.loading.worker_process import start_worker
from datasets.loading.workers import TrainingLoader, choose_workers
from system.errors import DataError, FileError, MemoryExceededError, ReportedError
from system.seeding import epoch_order

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks workers with a closure")


class Source:
    """A few samples; `fault` happens to the one with index 5."""

    def __init__(self, fault, count=8):
        self.fault, self.count = fault, count

    def __len__(self):
        return self.count

    def id_of(self, key):
        return f"cell_{key[1]}"

    def __getitem__(self, key):
        if key[1] == 5:
            self.fault()
        return torch.zeros(1), torch.ones(1)


def damaged():
    raise FileError("cell_5.png", found="not a readable image", fix="replace it", kind="unreadable")


def of_no_file():
    raise DataError("no class has a pixel")


def loader(fault, workers):
    return TrainingLoader(Source(fault), EpochBatches(8, 2, seed=0), workers=workers, pin_memory=False)


@pytest.mark.parametrize("workers", [0, 2])
def test_without_a_fault_all_come_and_a_start_in_the_middle_is_their_tail(workers):
    batches = loader(lambda: None, workers)
    assert len(list(batches)) == 4
    batches.start(epoch=1, done=3)
    assert len(list(batches)) == 1
    assert batches.ids_of(3) == [f"cell_{index}" for index in epoch_order(0, 1, 8)[6:]]


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (
            lambda: os.kill(os.getpid(), signal.SIGKILL),
            MemoryExceededError,
            r"ended by SIGKILL \(signal 9\), .*the memory",
        ),
        (
            lambda: os.kill(os.getpid(), signal.SIGBUS),
            MemoryExceededError,
            r"ended by SIGBUS \(signal 7\), .*the memory",
        ),
        (
            lambda: os.kill(os.getpid(), signal.SIGSEGV),
            DataError,
            r"ended by SIGSEGV \(signal 11\), .*repair or remove",
        ),
        (lambda: os._exit(9), DataError, r"has ended with code 9, .*repair or remove"),
    ],
    ids=["killed", "bus", "segment", "exit"],
)
def test_a_dead_worker_is_told_with_its_sample(fault, kind, message):
    started = time.perf_counter()
    with pytest.raises(ReportedError, match=message) as caught:
        list(loader(fault, 2))
    assert type(caught.value) is kind
    assert "at work on cell_5" in str(caught.value)  # and not what the other worker had begun
    assert "--resume continues the run" in str(caught.value)
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("moment", ["between two batches", "between two epochs"])
def test_a_worker_that_is_killed_raises_nothing_before_the_next_batch(moment):
    with loader(lambda: None, 2) as batches:
        pairs = iter(batches)
        next(pairs)
        if moment == "between two epochs":
            list(pairs)
        worker = batches._iterator._workers[0]
        worker.kill()
        worker.join()
        time.sleep(0.1)  # torch's own error would come here, wherever the main thread is
        with pytest.raises(MemoryExceededError, match=r"ended by SIGKILL .* at work on no sample"):
            list(batches)
        assert batches._workers == []


def killed_after(count, batches, *, worker):
    """The batches; after this many of them, a worker is killed."""
    for number, batch in enumerate(batches):
        if number == count:
            batches._workers[worker].kill()
        yield batch


@pytest.mark.slow
def test_a_worker_that_is_killed_beside_a_gpu_is_one_message_too(monkeypatch, capsys):
    """Beside a GPU, a thread receives the batches. It breaks at the connection of a worker that was killed."""
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_device_index", lambda: 0)
    monkeypatch.setattr(torch.accelerator, "set_device_index", lambda index: None)
    monkeypatch.setattr(pin_memory, "pin_memory", lambda batch, device=None: batch)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)  # which the loader replaces
    for trial in range(6):
        source = Source(lambda: None, count=80)
        batches = TrainingLoader(source, EpochBatches(80, 2, seed=0), workers=2, pin_memory=True)
        with batches, pytest.raises(MemoryExceededError, match="ended by SIGKILL"):
            list(killed_after(3 + trial, batches, worker=trial % 2))
    assert capsys.readouterr().err == ""


def test_an_error_of_the_code_stays_what_it_is():
    def wrong():
        raise KeyError("a fault of the program")

    with loader(wrong, 2) as batches, pytest.raises(KeyError, match="a fault of the program"):
        list(batches)


@pytest.mark.slow
def test_a_hanging_worker_is_told_with_its_sample(monkeypatch):
    monkeypatch.setattr("datasets.loading.workers.PATIENCE", 1)
    started = time.perf_counter()
    with pytest.raises(DataError, match=r"has not answered for 1 seconds, at work on .*cell_5"):
        list(loader(lambda: time.sleep(600), 2))
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (damaged, FileError, "cell_5.png: not a readable image; replace it"),
        (of_no_file, DataError, "no class has a pixel"),
    ],
)
def test_an_unreadable_sample_is_reported_in_one_line(workers, fault, kind, message):
    with pytest.raises(DataError) as caught, loader(fault, workers) as batches:
        list(batches)
    assert (type(caught.value), str(caught.value)) == (kind, message)


@pytest.mark.slow
def test_signals_to_the_whole_group_do_not_take_the_workers(monkeypatch):
    def late(worker, **arguments):
        time.sleep(0.5 * worker)  # the second has not begun to ignore signals when the first batch is there
        start_worker(worker, **arguments)

    monkeypatch.setattr(workers_module, "start_worker", late)
    batches = loader(lambda: None, 2)
    pairs = iter(batches)
    next(pairs)
    for process in batches._iterator._workers:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
            os.kill(process.pid, number)
    assert len(list(pairs)) == 3


@pytest.mark.parametrize(
    ("on_gpu", "cores", "processes", "free", "chosen"),
    [
        (True, 1, 1, 2**34, 0),
        (True, 2, 1, 2**34, 1),
        (True, 6, 1, 2**34, 5),
        (True, 64, 1, 2**34, 8),
        (True, 64, 16, 2**34, 3),  # four cores for each process
        (True, 2, 4, 2**34, 0),
        (False, 2, 1, 2**34, 0),
        (False, 7, 1, 2**34, 0),
        (False, 16, 1, 2**34, 2),
        (False, 16, 4, 2**34, 0),
        (False, 256, 1, 2**34, 8),
        (True, 64, 1, 64 * 2**20, 2),  # a container's: seven batches of 9 MiB, three for each worker
        (True, 64, 2, 64 * 2**20, 1),
    ],
)
def test_workers_are_chosen_by_cores_and_shared_memory(monkeypatch, tmp_path, on_gpu, cores, processes, free, chosen):
    monkeypatch.setattr(workers_module, "usable_cores", lambda: cores)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    monkeypatch.setattr(workers_module, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("", (), {"free": free})())
    monkeypatch.setattr("system.machine.memory.free_memory", lambda: 2**40)
    batch_bytes = 9 * 2**20
    assert choose_workers(on_gpu=on_gpu, batch_bytes=batch_bytes) == chosen
    monkeypatch.setattr("multiprocessing.get_context", lambda: type("", (), {"get_start_method": lambda s: "spawn"})())
    assert choose_workers(on_gpu=on_gpu, batch_bytes=batch_bytes) == 0  # each would hold all samples anew


@pytest.mark.parametrize(
    ("free", "processes", "chosen"),
    [
        (64 * 2**30, 1, 8),
        (8 * 2**30, 1, 7),  # a quarter of it is 2 GiB; a worker takes 256 MiB and three batches of 9 MiB
        (8 * 2**30, 2, 3),
        (2**29, 1, 0),
    ],
)
def test_workers_are_fewer_where_memory_is_scarce(monkeypatch, tmp_path, free, processes, chosen):
    monkeypatch.setattr(workers_module, "usable_cores", lambda: 64)
    monkeypatch.setattr(workers_module, "SHARED_MEMORY", tmp_path / "none")
    monkeypatch.setattr("system.machine.memory.free_memory", lambda: free)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    assert choose_workers(on_gpu=True, batch_bytes=9 * 2**20) == chosen


@pytest.mark.parametrize(("quota", "chosen"), [("200000", 1), ("max", 8)])
def test_a_container_s_limit_holds_for_workers_too(monkeypatch, tmp_path, quota, chosen):
    (tmp_path / "cpu.max").write_text(f"{quota} 100000\n")
    monkeypatch.setattr("system.machine.cores.CGROUPS", tmp_path)
    monkeypatch.setattr("system.machine.cores.MEMBERSHIP", tmp_path / "none")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.setattr("system.machine.memory.free_memory", lambda: 2**40)
    monkeypatch.setattr(workers_module, "SHARED_MEMORY", tmp_path / "none")
    assert choose_workers(on_gpu=True, batch_bytes=1) == chosen


def test_no_worker_outlives_the_context():
    def stopped():
        with loader(lambda: None, 2) as batches:
            next(iter(batches))
            processes.extend(batches._iterator._workers)
            raise KeyboardInterrupt

    processes = []
    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert [process.is_alive() for process in processes] == [False, False]


@pytest.fixture
def temporary(monkeypatch):
    """An empty folder in place of the system's folder of temporary files. Its path is short, for the sockets in it."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def test_no_temporary_folder_is_left(temporary):
    with loader(lambda: None, 2) as batches:
        list(batches)
        (folder,) = temporary.iterdir()
        assert list(folder.iterdir())  # the sockets of the workers: the control
    assert list(temporary.iterdir()) == []
    list(loader(lambda: None, 2))  # a loader that is not used as a context
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_no_temporary_folder_is_left_if_the_training_is_killed(temporary):
    child = os.fork()
    if child == 0:
        try:
            batches = loader(lambda: None, 2)
            next(iter(batches))
            (folder,) = temporary.iterdir()
            os.kill(os.getpid(), signal.SIGKILL * bool(list(folder.iterdir())))  # no sockets there: nothing is sent
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    deadline = time.perf_counter() + 30  # torch's workers look for their parent every five seconds
    while list(temporary.iterdir()) and time.perf_counter() < deadline:
        time.sleep(0.1)
    assert list(temporary.iterdir()) == []
