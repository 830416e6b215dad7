"""How a process notices that others want the cores, and what its threads do then."""

import os
import time
from pathlib import Path

import pytest
import torch
from conftest import two_threads  # noqa: F401 a fixture

from system.machine import crowding
from system.machine.crowding import Courtesy, Reading, is_crowded, read_cores

TICK = 1 / os.sysconf("SC_CLK_TCK")
STAT = """cpu  900 0 0 0 0 0 0 0 0 0
cpu0 10 20 30 1000 1000 1 2 3 500 0
cpu1 100 0 0 5 0 0 0 0 0 0
cpu12 7 0 0 5 0 0 0 0 0 0
intr 5 6 7
"""


def test_only_the_own_cores_count_and_neither_idle_nor_guests(tmp_path):
    file = tmp_path / "stat"
    file.write_text(STAT)
    assert read_cores(file, frozenset({0, 12})).all == pytest.approx((10 + 20 + 30 + 1 + 2 + 3 + 7) * TICK)
    assert read_cores(file, frozenset({1})).all == pytest.approx(100 * TICK)


def test_a_system_that_does_not_say_what_its_cores_do(tmp_path):
    assert read_cores(tmp_path / "nothing", frozenset({0})) is None
    file = tmp_path / "stat"
    file.write_text(STAT)
    assert read_cores(file, frozenset()) is None


@pytest.mark.parametrize(
    ("all_of_them", "ours", "cores", "threads", "expected"),
    [
        (4.0, 4.0, 2, 2, False),  # two seconds, two cores, and all is our work
        (2.2, 1.6, 2, 2, False),  # others took 0.3 of a core
        (4.0, 3.0, 2, 2, True),  # half a core
        (4.0, 2.0, 2, 2, True),
        (14.0, 4.0, 8, 2, False),  # others took five of eight cores, and two threads have room
        (15.0, 2.0, 8, 2, True),  # 6.5 of them
    ],
)
def test_it_is_crowded_where_others_use_the_cores_of_our_threads(all_of_them, ours, cores, threads, expected):
    before, now = Reading(10.0, 5.0, 100.0), Reading(10.0 + all_of_them, 5.0 + ours, 102.0)
    assert is_crowded(before, now, cores=cores, threads=threads) is expected


@pytest.fixture
def machine(monkeypatch):
    """A machine of as many cores as there are threads, whose other processes compute while `busy` is true."""

    class Machine:
        busy, total = False, 0.0

        def read(self, statistics, cores):
            self.total += 10.0 * self.busy
            return Reading(self.total, 0.0, time.monotonic())

    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setattr(crowding, "SECONDS", 0.02)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    machine = Machine()
    monkeypatch.setattr(crowding, "read_cores", machine.read)
    return machine


def threads():
    return len(list(Path("/proc/self/task").iterdir()))


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted under Linux")
@pytest.mark.usefixtures("two_threads")
def test_there_are_more_threads_than_cores_as_long_as_it_is_crowded(machine):
    torch.ones(2**18).add_(1)  # so that the pool of this thread is there
    with Courtesy() as courtesy:
        before = threads()
        time.sleep(0.1)
        assert (courtesy.crowded, threads()) == (False, before)
        machine.busy = True
        wait_until(lambda: courtesy.crowded and threads() >= before + 2)  # the one that holds, and one of OpenMP
        machine.busy = False
        wait_until(lambda: not courtesy.crowded and threads() == before)
        machine.busy = True
        wait_until(lambda: courtesy.crowded)
    wait_until(lambda: threads() == before - 1)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"])
def test_what_the_user_has_set_stays(machine, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    machine.busy = True
    with Courtesy() as courtesy:
        time.sleep(0.1)
    assert not courtesy.crowded


def test_one_thread_waits_for_nobody(machine):
    before, machine.busy = torch.get_num_threads(), True
    torch.set_num_threads(1)
    with Courtesy() as courtesy:
        time.sleep(0.1)
    torch.set_num_threads(before)
    assert not courtesy.crowded
