"""The interface of the work that `inference.pipeline.pipeline` does: steps of an item, and threads that take them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Source, Item, Result = TypeVar("Source"), TypeVar("Item"), TypeVar("Result")


class Stages(ABC, Generic[Source, Item, Result]):
    """The steps of the work. `read` and `write` run in threads, so that they must not change common state."""

    @abstractmethod
    def read(self, source: Source) -> Item:
        """Reads one item.

        Raises:
            DataError: the item cannot be used. The others go on without it.
        """

    @abstractmethod
    def pixels(self, item: Item) -> int:
        """Returns the size of an item, as the limit of memory counts it."""

    @abstractmethod
    def batch_of(self, item: Item) -> tuple[Hashable, int] | None:
        """Returns a key and a number: so many items of this key are computed together. None: this item on its own."""

    @abstractmethod
    def compute(self, items: Sequence[Item]) -> list[Result]:
        """Computes one batch."""

    @abstractmethod
    def write(self, item: Item, result: Result) -> None:
        """Finishes one item and writes its results."""

    def handle_alone(self, item: Item) -> None:
        """Computes, finishes and writes a large item, while no other item is worked on.

        Raises:
            DataError: the item cannot be used. The others go on without it.
        """
        (result,) = self.compute([item])
        self.write(item, result)

    def start_thread(self) -> None:
        """Is called first in each thread."""


@dataclass(frozen=True)
class Threads:
    """Who does what.

    Attributes:
        readers: number of threads that read.
        workers: number of threads that write.
        compute: whether the workers also compute. Otherwise the main thread computes.
    """

    readers: int
    workers: int
    compute: bool
