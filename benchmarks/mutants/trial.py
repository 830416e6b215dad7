"""Runs tests on a copy of the project, each time in a new process that has torch loaded already."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAVY = ("torch", "cv2", "scipy.ndimage", "skimage.segmentation", "skimage.measure", "tifffile", "matplotlib")


def copy_tree(root: Path, target: Path) -> None:
    """Copies the files of the project that git knows or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, target / name)


def tests_of(root: Path, file: str) -> list[str]:
    """Returns the tests of a file, nearest first: its own, those of its folder, those of its outermost folder."""
    path = Path(file)
    near = [f"tests/{path.parent}/test_{path.stem}.py", f"tests/{path.parent}", f"tests/{path.parts[0]}"]
    return list(dict.fromkeys(name for name in near if (root / name).exists()))


class FastFirst:
    """A plugin of pytest that runs the tests without the marker `slow` first."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


def load() -> None:
    """Loads what most tests need, so that no process has to."""
    for name in HEAVY:
        importlib.import_module(name)


def run_tests(root: Path, tests: list[str], *, seconds: float, log: Path) -> int | None:
    """Runs tests up to the first that fails, in a forked process. Its output goes to `log`.

    Returns:
        pytest's exit code, where 0 says that all tests passed; minus the signal that ended it; None if the time is up.
    """
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir(root)
        sys.path[0] = str(root)
        sys.modules.pop("benchmarks", None)
        with log.open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        code = pytest.main(["-x", "-p", "no:cacheprovider", "--rootdir", str(root), *tests], plugins=[FastFirst()])
        sys.stdout.flush()
        os._exit(int(code))
    end = time.monotonic() + seconds
    done, status = os.waitpid(child, os.WNOHANG)
    while not done and time.monotonic() < end:
        time.sleep(0.02)
        done, status = os.waitpid(child, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # whatever its tests left
    if not done:
        os.waitpid(child, 0)
        return None
    return os.waitstatus_to_exitcode(status)
