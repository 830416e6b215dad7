"""The rows of measured figures, and the table of them for docs/results.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.markdown import markdown_table
from benchmarks.measure import Timing
from benchmarks.speed.limits import Limits, Work, count_work

HEADER = ("work", "asked", "ratio (quartiles)", "ours", "the other", "of convolution", "of copy", "remark")


@dataclass(frozen=True)
class Row:
    """One row: our figure against that of something else.

    Attributes:
        work: what was done.
        asked: the ratio that is asked for; empty if none is.
        ratio: the other's time divided by ours; for memory and tiling, our figure divided by the other's.
        ours, other: the figures with their units.
        shares: the shares of our time that the convolutions, and the other memory traffic, would take at the machine's
            limits.
        remark: a remark, such as a warning that the machine was disturbed.
    """

    work: str
    asked: str
    ratio: str
    ours: str
    other: str
    shares: tuple[float, float] | None = None
    remark: str = ""

    def cells(self) -> list[str]:
        shares = [f"{share:.0%}" for share in self.shares] if self.shares else ["", ""]
        return [self.work, self.asked, self.ratio, self.ours, self.other, *shares, self.remark]


def timed_row(
    work: str, timing: Timing, *, other: str, asked: str, ours: str = "ours", shares: tuple[float, float] | None = None
) -> Row:
    """Returns the row of two callables that took turns."""
    middle, lower, upper = timing.ratio(other, ours)
    warning = timing.warning(other, ours)
    return Row(
        work=work,
        asked=asked,
        ratio=f"{middle:.2f} ({lower:.2f}–{upper:.2f})",
        ours=f"{timing.median(ours) * 1e3:,.1f} ms",
        other=f"{other}: {timing.median(other) * 1e3:,.1f} ms",
        shares=shares,
        remark=f"disturbed: {warning}" if warning else "",
    )


def shares_of(function: Callable[[], object], seconds: float, limits: Limits) -> tuple[float, float]:
    """Returns `Row.shares` for a callable that takes `seconds`."""
    work: Work = count_work(function)
    return work.shares(seconds, limits)


def markdown(rows: Sequence[Row]) -> str:
    """Returns the table of these rows in Markdown."""
    return markdown_table(HEADER, [row.cells() for row in rows])
