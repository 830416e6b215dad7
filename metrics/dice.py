"""The Dice coefficient of probabilities, as a metric object with a state."""

from __future__ import annotations

from torch import Tensor


class Dice:
    """Computes 2Σpy / (Σp² + Σy² + s), where the sums run over everything that was added.

    Args:
        smooth: s; it is in the denominator only.
        divide_by_rows: divide the sum of the coefficients of all updates by the number of rows (first axis) of all
            updates, as the `Dice` of one vendor does. A perfect prediction then scores 1 / (rows per update), not 1.
            Use this only to compare with numbers that this `Dice` printed.

    The sums stay on the device of the probabilities until `compute`. Processes can add up their `sums`.
    """

    def __init__(self, *, smooth: float = 1e-5, divide_by_rows: bool = False) -> None:
        self.smooth, self.divide_by_rows = smooth, divide_by_rows
        self.sums: list[tuple[Tensor, Tensor]] = []  # (2Σpy, Σp² + Σy²) of each update
        self._rows = 0

    def update(self, probabilities: Tensor, target: Tensor) -> None:
        """Adds a batch [N, …] in [0, 1] and its target of the same shape in [0, 1].

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
        """Returns the coefficient of everything that was added so far.

        Raises:
            ValueError: nothing was added.
        """
        if not self.sums:
            raise ValueError("no batch was added, there is nothing to score")
        if self.divide_by_rows:
            return sum((overlap / (size + self.smooth)).item() for overlap, size in self.sums) / self._rows
        overlap, size = (sum(column) for column in zip(*self.sums, strict=True))
        return (overlap / (size + self.smooth)).item()
