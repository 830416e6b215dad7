"""What the fault suite shares: how many trials to make, and the table that it prints.

`make test` makes the few quick trials, `make test-faults` all of them; the rows printed at its end are those of
docs/reliability.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

FULL = os.environ.get("FAULTS") == "full"
ROWS: list[tuple[str, int, str]] = []


@pytest.fixture
def trials() -> Callable[[int, int], int]:
    """trials(quick, full): how many this session makes."""
    return lambda quick, full: full if FULL else quick


@pytest.fixture
def tell() -> Callable[[str, int, str], None]:
    """tell(fault, trials, what held): one row of the table."""
    return lambda fault, count, held: ROWS.append((fault, count, held))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if ROWS:
        terminalreporter.section("faults")
        terminalreporter.write_line("| fault | trials | held |\n|---|---|---|")
        for fault, count, held in ROWS:
            terminalreporter.write_line(f"| {fault} | {count} | {held} |")
