"""Work that many files need, done by several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from system.progress_bar import progress_bar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(work: Callable[[Item], Result], items: Sequence[Item], title: str) -> list[Result]:
    """Returns `work` of every item, in the order of the items; a terminal shows a progress bar called `title`."""
    return list(as_done(work, items, title))


def as_done(work: Callable[[Item], Result], items: Sequence[Item], title: str) -> Iterator[Result]:
    """Yields what `in_threads` returns, one result after the other.

    What has not begun when the caller stops is left out.
    """
    pool = ThreadPoolExecutor()  # decoding and hashing release the interpreter's lock
    try:
        yield from progress_bar(pool.map(work, items), title, total=len(items))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C need not wait for what has not begun
