"""What all importers share: entries found by name, written by several processes, and described in a summary.

An importer is a module with `add_options(parser)` and `run(options)`, which returns a summary to print. Its steps are:

    sources  = Source(path), …                        a folder or a zip archive each
    entries  = …(sources' names)                      by name only; all faults are reported at once
    with staged_folder(out) as folder:                a failed import leaves nothing
        written = write_entries(entries, write, …)    one function writes one entry, in this process or in others
        write_description(folder, …)                  dataset.yaml and the hashes
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2

from datasets.prepare.recognition import advice
from datasets.prepare.source import Source
from system.errors import ConfigError, DataError, MemoryExceededError
from system.machine.cores import usable_cores
from system.names import fault_of
from system.progress_bar import progress_bar

Entry = TypeVar("Entry")
Result = TypeVar("Result")
Size = tuple[int, int]  # (height, width) in pixels


def add_common_options(parser: argparse.ArgumentParser, *, source: str | None) -> None:
    """Adds the options of every importer. `source` is the help of --source; None leaves this option out."""
    if source is not None:
        parser.add_argument("--source", type=Path, required=True, help=source)
    parser.add_argument("--out", type=Path, required=True, help="new folder, such as inputs/my_set")
    parser.add_argument("--workers", type=_positive, help="processes (default: one for each usable core)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 1024:
        raise ConfigError(f"--workers {text}: give a whole number from 1 to 1024")
    return int(text)


class Faults:
    """Collects what is wrong with the names of a source or with its list of objects, and refuses all of it at once.

    Args:
        where: the source, for messages.
    """

    SHOWN = 10

    def __init__(self, where: Path) -> None:
        self.where, self.shown, self.count = where, [], 0

    def add(self, fault: str) -> None:
        """Adds a fault, which begins with what it is about, such as the name of a file in the source."""
        self.count += 1
        if len(self.shown) < self.SHOWN:
            self.shown.append(fault)

    def refuse(self, *, names: Iterable[str] = (), importer: str = "") -> None:
        """Raises one error with the first faults and their number; does nothing where there are none.

        Args:
            names: all names of the source; if they fit the layout of another importer than this one, the error says so.

        Raises:
            DataError: there are faults.
        """
        if not self.count:
            return
        hint = advice(names, importer)
        if self.count == 1:
            raise DataError(f"{self.where}: {self.shown[0]}{hint}")
        more = [f"… and {self.count - self.SHOWN} more"] if self.count > self.SHOWN else []
        raise DataError("\n  ".join([f"{self.where}: {self.count} problems{hint}", *self.shown, *more]))


def fault_of_new_id(sample_id: str) -> str | None:
    """Why an id cannot name files; None if it can. Parts between slashes are folders."""
    return next((fault for part in sample_id.split("/") if (fault := fault_of(part))), None)


def write_entries(
    entries: Sequence[Entry],
    write: Callable[..., Result],
    *,
    sources: Sequence[Source],
    folder: Path,
    workers: int | None,
) -> list[Result]:
    """Writes all entries and shows the progress. The number of processes changes no file.

    Args:
        write: a function of a module, or a `partial` of one: `write(*sources, entry, folder=folder)` writes one entry
            below `folder` and returns what the summary needs, which stays in the memory.
        workers: processes; None is one for each usable core.

    Returns:
        What `write` returned, in the order of the entries.

    Raises:
        DataError: the first that `write` raises, in the order of the entries.
        MemoryExceededError: the system ended a process.
    """
    workers = min(workers or usable_cores(), len(entries))
    bar = partial(progress_bar, total=len(entries), unit="image", keep=True)
    if workers <= 1:
        return list(bar(write(*sources, entry, folder=folder) for entry in entries))
    # Processes are spawned, because a fork could copy a lock while a thread of the parent holds it.
    paths = [source.path for source in sources]
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker, (paths,))
    try:
        return list(bar(_in_order(pool, partial(_work, write=write, folder=folder), entries, ahead=4 * workers)))
    except BrokenProcessPool as error:
        found = "a process that wrote images was ended, probably because the memory was full"
        raise MemoryExceededError(f"{found}; end other programs, or repeat the command with --workers 1") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
    pool: ProcessPoolExecutor, work: Callable[[Entry], Result], entries: Iterable[Entry], *, ahead: int
) -> Iterator[Result]:
    """Yields the results in the order of the entries, of which so many are under way.

    `pool.map` would submit all at once. It also cancels them when a process is killed, on which Python 3.11 waits for
    ever for the other processes.
    """
    waiting: deque[Future] = deque()
    for entry in entries:
        waiting.append(pool.submit(work, entry))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


_opened: list[Source]  # exists in a worker process only, which opens the sources once


def _leave_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _start_worker(paths: Sequence[Path]) -> None:
    global _opened
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to handle
    # A parent that is killed cannot stop its workers; without this thread they would wait for work for ever.
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    cv2.setNumThreads(0)  # the processes already run in parallel
    _opened = [Source(path) for path in paths]


def _work(entry: Entry, *, write: Callable[..., Result], folder: Path) -> Result:
    return write(*_opened, entry, folder=folder)


@dataclass(frozen=True)
class Summary:
    """What was written in total; `str()` is the report for the user.

    Attributes:
        sizes: of the images.
        lines: what else the importer wants to say.
    """

    folder: Path
    images: int
    objects: int
    sizes: frozenset[Size]
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        first = [f"images: {self.images}", f"objects: {self.objects}", sizes_line(self.sizes)]
        return "\n".join([*first, *self.lines, f"folder: {self.folder}"])


def text_of_size(size: Size) -> str:
    """`96x128`, height by width."""
    return f"{size[0]}x{size[1]}"


def in_order_of_area(sizes: Iterable[Size]) -> tuple[Size, ...]:
    """Different sizes, from the smallest to the largest."""
    return tuple(sorted(set(sizes), key=lambda size: (size[0] * size[1], size)))


def sizes_line(sizes: Iterable[Size]) -> str:
    """The line of a summary about the sizes of the images in the source."""
    ordered = in_order_of_area(sizes)
    return f"sizes in the source: {text_of_size(ordered[0])} to {text_of_size(ordered[-1])} (HxW)"
