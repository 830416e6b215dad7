"""Overlaps the steps of the same work on many items: threads read ahead and write while others are computed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic

from inference.pipeline.stages import Item, Result, Source, Stages, Threads
from system.errors import DataError

LARGE = 2**24  # pixels: a larger item is handled alone
PER_WORKER = 2**22  # pixels that each worker adds to the limit of those in memory
READ_AHEAD = 256  # items that are read and wait at most, however small they are
PATIENCE = 2  # seconds that Ctrl-C waits for threads, so that they can remove their temporary files


class Pipeline(Generic[Source, Item, Result]):
    """Sends items through their stages. Items that are not written yet have at most `limit` pixels, more or less.

    The items of a batch follow each other among the sources, so that batches do not depend on how threads take turns.
    Each reader may exceed the limit by one item, whose size it does not know before.

    Args:
        advance: is called after each item that is written or cannot be used; never by two threads at once.
    """

    def __init__(
        self,
        stages: Stages[Source, Item, Result],
        threads: Threads,
        *,
        advance: Callable[[], object] = lambda: None,
    ) -> None:
        self.stages, self.threads, self.advance = stages, threads, advance
        self.limit = max(LARGE, (threads.workers + 2) * PER_WORKER)
        self._changed = threading.Condition()  # it guards everything below
        self._unread: deque[tuple[int, Source]] = deque()
        self._ready: dict[int, Item | DataError] = {}
        self._tasks: deque[Callable[[], None]] = deque()
        self._reading = self._working = 0  # items that are read now; tasks that wait or run
        self._pixels = self._expected = 0  # of items that are read and not written; of the item that was read last
        self._error: BaseException | None = None
        self._ending = False

    def run(self, sources: Sequence[Source]) -> list[tuple[Source, DataError]]:
        """Handles every source, and returns those that cannot be used, with their errors. Call it once.

        Any other exception, in any thread, ends everything and is raised here. Before that, the threads finish what
        they are doing at the moment; after Ctrl-C this is awaited for `PATIENCE` seconds.
        """
        self._unread.extend(enumerate(sources))
        loops = [self._read_next] * self.threads.readers + [self._work_next] * self.threads.workers
        threads = [threading.Thread(target=self._repeat, args=(loop,), name=loop.__name__) for loop in loops]
        patience = PATIENCE
        try:
            for thread in threads:
                thread.start()
            failures = self._handle(sources)
            patience = None
        except Exception:
            patience = None
            raise
        finally:
            self._end(threads, patience)
        return failures

    def _handle(self, sources: Sequence[Source]) -> list[tuple[Source, DataError]]:
        failures, batch, key = [], [], None
        for number, source in enumerate(sources):
            item = self._take(number)
            if isinstance(item, DataError):
                failures.append((source, item))
                with self._changed:
                    self.advance()
                continue
            if self.stages.pixels(item) > LARGE:
                if error := self._handle_alone(item):
                    failures.append((source, error))
                continue
            together = self.stages.batch_of(item)
            if together is None:
                self._compute([item])
                continue
            if batch and together[0] != key:
                self._compute(batch)
                batch = []
            batch, key = [*batch, item], together[0]
            if len(batch) >= together[1] or sum(map(self.stages.pixels, batch)) >= LARGE // 2:
                self._compute(batch)
                batch = []
        if batch:
            self._compute(batch)
        with self._changed:
            self._wait_until(lambda: not self._working)
        return failures

    def _take(self, number: int) -> Item | DataError:
        with self._changed:
            self._wait_until(lambda: number in self._ready)
            self._changed.notify_all()  # readers that wait for its place
            return self._ready.pop(number)

    def _handle_alone(self, item: Item) -> DataError | None:
        """Handles a large item in the main thread, while nothing else is computed or written and no reading begins.

        Returns:
            Why the item cannot be used; None if it was handled.
        """
        with self._changed:
            self._wait_until(lambda: not self._working)
            self._working += 1
        failure = None
        try:
            self.stages.handle_alone(item)
        except DataError as error:
            failure = error
        self._finish([item])
        return failure

    def _compute(self, items: Sequence[Item]) -> None:
        if self.threads.compute:
            self._submit(partial(self._compute_and_write, items))
            return
        for item, result in zip(items, self.stages.compute(items), strict=True):
            self._submit(partial(self._write, item, result))

    def _compute_and_write(self, items: Sequence[Item]) -> None:
        for item, result in zip(items, self.stages.compute(items), strict=True):
            self.stages.write(item, result)
        self._finish(items)

    def _write(self, item: Item, result: Result) -> None:
        self.stages.write(item, result)
        self._finish([item])

    def _submit(self, task: Callable[[], None]) -> None:
        with self._changed:
            self._tasks.append(task)
            self._working += 1
            self._changed.notify_all()

    def _finish(self, items: Sequence[Item]) -> None:
        with self._changed:
            self._working -= 1
            self._pixels -= sum(map(self.stages.pixels, items))
            for _ in items:
                self.advance()
            self._changed.notify_all()

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        """Waits in the main thread, and raises the exception of another thread."""
        self._changed.wait_for(lambda: self._error is not None or condition())
        if self._error is not None:
            raise self._error

    def _repeat(self, step: Callable[[], bool]) -> None:
        """Is the life of a thread: calls `step` until it returns false. A step's variables hold no memory after it."""
        try:
            self.stages.start_thread()
            while step():
                pass
        except BaseException as error:
            with self._changed:
                self._error = self._error or error
                self._changed.notify_all()

    def _may_read(self) -> bool:
        room = self._pixels + (self._reading + 1) * self._expected <= self.limit and len(self._ready) < READ_AHEAD
        # If nothing else moves, only a batch that waits for more items takes the room. It must get them.
        return room or not (self._reading or self._ready or self._working)

    def _read_next(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._ending or not self._unread or self._may_read())
            if self._ending or not self._unread:
                return False
            number, source = self._unread.popleft()
            self._reading += 1
        try:
            item = self.stages.read(source)
        except DataError as error:
            item = error
        with self._changed:
            self._ready[number] = item
            self._reading -= 1
            if not isinstance(item, DataError):
                pixels = self.stages.pixels(item)
                self._pixels, self._expected = self._pixels + pixels, pixels
            self._changed.notify_all()
        return True

    def _work_next(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._ending or self._tasks)
            if self._ending:
                return False
            task = self._tasks.popleft()
        task()
        return True

    def _end(self, threads: Sequence[threading.Thread], patience: float | None) -> None:
        """Lets all threads end, and waits for them for `patience` seconds; None: as long as their steps take."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        until = None if patience is None else time.monotonic() + patience
        for thread in threads:
            if thread.ident is not None:  # it was started
                thread.join(None if until is None else max(0.0, until - time.monotonic()))
