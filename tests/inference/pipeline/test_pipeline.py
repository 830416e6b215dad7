"""The pipeline hands every item through its stages, keeps to its limits, and ends when something fails."""

import signal
import threading
import time
from collections import Counter

import numpy as np
import pytest

from inference.pipeline import pipeline as module
from inference.pipeline.pipeline import LARGE, Pipeline
from inference.pipeline.stages import Stages, Threads
from system.errors import DataError, DiskError

BOTH = pytest.mark.parametrize("compute", [False, True], ids=["computed by the main thread", "computed by workers"])
MEGA = 2**20


class Recorder(Stages):
    """Items are numbers of pixels. It notes which batches are computed, what is written, and how much is in memory."""

    def __init__(self, *, batch=3, broken=(), fail_at=None, seconds=0.0):
        self.batch, self.broken, self.fail_at, self.seconds = batch, set(broken), fail_at or {}, seconds
        self.batches, self.written, self.lock = [], [], threading.Lock()
        self.alive = self.most = self.running = self.started = 0
        self.alone = []

    def start_thread(self):
        with self.lock:
            self.started += 1

    def _step(self, name, source):
        time.sleep(self.seconds)
        if self.fail_at.get(name) == source[0]:
            raise self.fail_at["error"]

    def read(self, source):
        if source[0] in self.broken:
            raise DataError(f"{source[0]} is broken")
        with self.lock:
            self.alive += source[1]
            self.most = max(self.most, self.alive)
        self._step("read", source)
        return source

    def pixels(self, item):
        return item[1]

    def batch_of(self, item):
        return (item[2], self.batch) if len(item) > 2 else None

    def compute(self, items):
        with self.lock:
            self.batches.append([item[0] for item in items])
            self.running += 1
        for item in items:
            self._step("compute", item)
        with self.lock:
            if items[0][1] > LARGE:
                self.alone.append((self.running, threading.current_thread() is threading.main_thread()))
            self.running -= 1
        return [-item[0] for item in items]

    def write(self, item, result):
        with self.lock:
            self.running += 1
        self._step("write", item)
        with self.lock:
            assert result == -item[0]
            self.written.append(item[0])
            self.alive -= item[1]
            self.running -= 1


def run(stages, sources, *, readers=2, workers=3, compute=False):
    advanced = []
    failures = Pipeline(stages, Threads(readers, workers, compute), advance=lambda: advanced.append(1)).run(sources)
    assert len(advanced) == len(sources)
    return failures


def no_threads_are_left():
    """Other tests of this process may have left threads of other kinds."""
    return not {"_read_next", "_work_next"} & {thread.name for thread in threading.enumerate()}


@BOTH
def test_every_item_is_written_once_and_broken_ones_are_returned(compute):
    stages = Recorder(broken={7, 500, 999})
    failures = run(stages, [(number, 100, "same") for number in range(1000)], compute=compute)
    assert [(source[0], str(error)) for source, error in failures] == [(n, f"{n} is broken") for n in (7, 500, 999)]
    assert Counter(stages.written) == Counter(set(range(1000)) - {7, 500, 999})
    assert stages.started == 5
    assert no_threads_are_left()


@BOTH
@pytest.mark.parametrize("broken", [0, 1000], ids=["one batch of all", "all broken"])
def test_more_items_than_are_read_ahead_without_any_task(compute, broken):
    """Nothing is submitted meanwhile, so that taking an item must wake the readers that wait for room."""
    stages = Recorder(batch=2000, broken=range(broken))
    guard = threading.Timer(20, lambda: signal.raise_signal(signal.SIGINT))  # in place of a hang
    guard.start()
    failures = run(stages, [(number, 1, "same") for number in range(1000)], compute=compute)
    guard.cancel()
    assert (len(failures), len(stages.written)) == (broken, 1000 - broken)


@BOTH
def test_without_sources_it_ends_at_once(compute):
    assert run(Recorder(), [], compute=compute) == []
    assert no_threads_are_left()


@pytest.mark.parametrize("readers", [1, 4])
def test_batches_follow_the_order_of_the_sources(readers):
    keys = ["a", "a", "a", "a", "b", None, "b", "b", "b", "a"]
    sources = [(n, 10) if key is None else (n, 10, key) for n, key in enumerate(keys)]
    for seconds in (0.0, 0.002):
        stages = Recorder(batch=3, seconds=seconds)
        run(stages, sources, readers=readers)
        # 0 to 2 are a full batch. 5 goes on its own and does not end the batch of 4.
        assert stages.batches == [[0, 1, 2], [3], [5], [4, 6, 7], [8], [9]]


def test_a_batch_of_large_images_is_cut_by_their_pixels():
    stages = Recorder(batch=100)
    run(stages, [(n, 3 * MEGA, "same") for n in range(7)])
    assert [len(batch) for batch in stages.batches] == [3, 3, 1]  # 3 · 3 megapixels are the first to reach 8


@BOTH
@pytest.mark.parametrize("batch", [1, 4])
def test_the_pixels_in_memory_are_limited(compute, batch):
    """Reading is much faster than writing, and yet it stops at the limit."""

    class SlowWriting(Recorder):
        def write(self, item, result):
            time.sleep(0.004)
            super().write(item, result)

    rng = np.random.default_rng(0)
    sources = [(n, int(rng.integers(1, 2 * MEGA)), "same") for n in range(120)]
    stages = SlowWriting(batch=batch)
    run(stages, sources, readers=2, workers=2, compute=compute)
    total = sum(pixels for _, pixels, _ in sources)
    assert total > 4 * LARGE  # the control: without a limit, more than this would be in memory
    assert LARGE // 2 < stages.most <= LARGE + 2 * 2 * MEGA + 4 * 2 * MEGA
    assert len(stages.written) == 120


def test_a_batch_that_fills_the_memory_still_gets_its_last_item():
    """Two items of a batch take half of the limit, and the next item may have more than the other half."""
    sources = [(0, 7 * MEGA, "same"), (1, 16 * MEGA, "same"), (2, 7 * MEGA, "same"), (3, 15 * MEGA, "other")]
    stages = Recorder(batch=10)
    run(stages, sources, readers=1, workers=1)
    assert sorted(stages.written) == [0, 1, 2, 3]


@BOTH
def test_a_large_item_is_handled_alone(compute):
    sources = [(n, LARGE + 1 if n in (0, 5, 11) else MEGA, "same") for n in range(12)]
    stages = Recorder(seconds=0.001)
    run(stages, sources, compute=compute)
    assert stages.alone == [(1, True)] * 3  # nothing beside it, and by the main thread
    assert sorted(stages.written) == list(range(12))


@BOTH
@pytest.mark.parametrize("where", ["read", "compute", "write"])
@pytest.mark.parametrize("error", [DiskError("full"), MemoryError("none"), ZeroDivisionError()], ids=repr)
def test_an_exception_ends_everything(where, error, compute):
    stages = Recorder(fail_at={where: 30, "error": error}, seconds=0.001)
    started = time.monotonic()
    with pytest.raises(type(error)) as caught:
        run(stages, [(n, 10, "same") for n in range(3000)], compute=compute)
    assert caught.value is error
    assert time.monotonic() - started < 5  # all 3000 would take much longer
    assert len(stages.written) < 300
    assert no_threads_are_left()


def test_ctrl_c_does_not_wait_for_a_long_step(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    release = threading.Event()

    class Stuck(Recorder):
        def write(self, item, result):
            release.wait(20)

        def compute(self, items):
            if items[0][0] == 2:
                raise KeyboardInterrupt
            return super().compute(items)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(Stuck(), [(n, 10) for n in range(5)])
    assert time.monotonic() - started < 5
    release.set()
    for thread in threading.enumerate()[1:]:
        thread.join(5)
    assert no_threads_are_left()


def test_each_worker_adds_to_the_limit():
    """2**22 pixels, and twice as much more; but 2**24 at least."""
    for workers, expected in ((1, 2**24), (2, 2**24), (3, 5 * 2**22), (6, 2**25)):
        assert Pipeline(Recorder(), Threads(1, workers, False)).limit == expected


def test_as_much_is_read_ahead_as_has_room():
    """Of items of 5 million pixels three have room beside each other, while the first is being written."""

    class SlowStart(Recorder):
        def write(self, item, result):
            if item[0] == 0:
                time.sleep(0.2)
                self.most_at_first = self.most
            super().write(item, result)

    stages = SlowStart(batch=1)
    run(stages, [(number, 5 * MEGA, "same") for number in range(6)], readers=1, workers=1)
    assert stages.most_at_first == 15 * MEGA


def test_without_room_one_reader_reads_at_a_time():
    """The first two are read together, because no size is known yet. While the second is slow, there is no room."""

    class SlowSecond(Recorder):
        def _step(self, name, source):
            if (name, source[0]) == ("read", 1):
                time.sleep(0.2)

    stages = SlowSecond(batch=10)
    run(stages, [(number, 7 * MEGA, "same") for number in range(4)], readers=2, workers=1)
    assert stages.most == 14 * MEGA
