"""The stateful Dice coefficient of probabilities, as published as a metric object."""

from __future__ import annotations

from torch import Tensor


class Dice:
    """2Σpy / (Σp² + Σy² + s), the sums running over everything that was added.

    Args:
        smooth: s, in the denominator only.
        divide_by_rows: compatibility with one vendor's `Dice`, for comparing with numbers printed by it and nothing
            else: the sum of the coefficients of each update, divided by the rows (first axis) of all updates. A
            perfect prediction then scores 1 / (rows per update), not 1.

    The sums stay on the device of the probabilities until `compute`; `sums` holds them for processes that add theirs
    up.
    """

    def __init__(self, *, smooth: float = 1e-5, divide_by_rows: bool = False) -> None:
        self.smooth, self.divide_by_rows = smooth, divide_by_rows
        self.sums: list[tuple[Tensor, Tensor]] = []  # of each update: 2Σpy, Σp² + Σy²
        self._rows = 0

    def update(self, probabilities: Tensor, target: Tensor) -> None:
        """Adds a batch of any shape, [N, …] in [0, 1], and its target of the same shape, in [0, 1].

        Raises:
            ValueError: the shapes differ.
        """
        if probabilities.shape != target.shape or probabilities.ndim == 0:
            raise ValueError(
                f"probabilities and target must have one shape [N, …]; got {list(probabilities.shape)} and "
                f"{list(target.shape)}"
            )
        p, y = probabilities.detach().double(), target.double()
        self.sums.append((2 * (p * y).sum(), (p**2).sum() + (y**2).sum()))
        self._rows += len(p)

    def compute(self) -> float:
        """The coefficient of everything added so far.

        Raises:
            ValueError: nothing was added.
        """
        if not self.sums:
            raise ValueError("no batch was added, there is nothing to score")
        if self.divide_by_rows:
            return sum((overlap / (size + self.smooth)).item() for overlap, size in self.sums) / self._rows
        overlap, size = (sum(part) for part in zip(*self.sums, strict=True))
        return (overlap / (size + self.smooth)).item()
