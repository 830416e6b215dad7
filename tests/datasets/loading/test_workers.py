"""A worker that dies or hangs is an error that names its sample."""

import os
import signal
import sys
import time

import pytest
import torch

from datasets.loading import workers as workers_module
from datasets.loading.loaders import EpochBatches
from datasets.loading.workers import TrainingLoader, choose_workers
from system.errors import DataError, FileError
from system.seeding import epoch_order

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks workers with a closure")


class Source:
    """Eight samples; `fault` happens to the one with index 5."""

    def __init__(self, fault):
        self.fault = fault

    def __len__(self):
        return 8

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


def test_a_dead_worker_is_told_with_its_sample():
    with pytest.raises(DataError, match=r"a worker .* is lost, at work on .*cell_5.*--resume continues the run"):
        list(loader(lambda: os.kill(os.getpid(), signal.SIGKILL), 2))


@pytest.mark.slow
def test_a_hanging_worker_is_told_with_its_sample(monkeypatch):
    monkeypatch.setattr("datasets.loading.workers.PATIENCE", 1)
    started = time.perf_counter()
    with pytest.raises(DataError, match=r"is lost, at work on .*cell_5"):
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
def test_signals_to_the_whole_group_do_not_take_the_workers():
    def late(worker):
        time.sleep(0.5 * worker)  # the second has not begun to ignore signals when the first batch is there
        start(worker)

    batches = loader(lambda: None, 2)
    start, batches.worker_init_fn = batches.worker_init_fn, late
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
    batch_bytes = 9 * 2**20
    assert choose_workers(on_gpu=on_gpu, batch_bytes=batch_bytes) == chosen
    monkeypatch.setattr("multiprocessing.get_context", lambda: type("", (), {"get_start_method": lambda s: "spawn"})())
    assert choose_workers(on_gpu=on_gpu, batch_bytes=batch_bytes) == 0  # each would hold all samples anew


@pytest.mark.parametrize(("quota", "chosen"), [("200000", 1), ("max", 8)])
def test_a_container_s_limit_holds_for_workers_too(monkeypatch, tmp_path, quota, chosen):
    (tmp_path / "cpu.max").write_text(f"{quota} 100000\n")
    monkeypatch.setattr("system.cores.CGROUPS", tmp_path)
    monkeypatch.setattr("system.cores.MEMBERSHIP", tmp_path / "none")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
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
