"""The fixtures of the fault suite: the number of trials, the table that it prints, and its processes.

`make test` makes a few quick trials, and `make test-faults` makes all of them. The rows that it prints at its end are
those of docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import write_set
from faults.runs import CONFIG, FULL, Launcher, digest

ROWS: list[tuple[str, int, str]] = []


@pytest.fixture
def trials() -> Callable[[int, int], int]:
    """`trials(quick, full)` returns the number of trials that this session makes."""
    return lambda quick, full: full if FULL else quick


@pytest.fixture
def tell() -> Callable[[str, int, str], None]:
    """`tell(fault, trials, what held)` adds a row to the table."""
    return lambda fault, count, held: ROWS.append((fault, count, held))


@pytest.fixture(scope="session")
def launchers(config: Path) -> Iterator[list[Launcher]]:
    """Processes that fork trainings: two for two cores, or one if a second one is not worth its start."""
    started = [Launcher() for _ in range(2 if FULL else 1)]
    for number, launcher in enumerate(started):
        assert launcher.trial(config.parent / f"first{number}", config)["code"] == 0
    yield started
    for launcher in started:
        launcher.close()


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a tiny training: five epochs of four steps."""
    folder = tmp_path_factory.mktemp("tiny")
    path = folder / "tiny.yaml"
    path.write_text(CONFIG.format(data=write_set(folder / "small", images=16)))
    return path


@pytest.fixture(scope="session")
def unstopped(config: Path, launchers: list[Launcher]) -> tuple[str, float]:
    """The digest of an undisturbed run of `config`, in which two runs agree, and the seconds that the run took."""
    answers = [launchers[0].trial(config.parent / name, config) for name in ("a", "b")]
    assert [answer["code"] for answer in answers] == [0, 0], answers[0]["output"]
    first, second = (digest(config.parent / name / "outputs" / "tiny") for name in ("a", "b"))
    assert first == second
    return first, answers[1]["seconds"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if ROWS:
        terminalreporter.section("faults")
        terminalreporter.write_line("| fault | trials | held |\n|---|---|---|")
        for fault, count, held in ROWS:
            terminalreporter.write_line(f"| {fault} | {count} | {held} |")
