"""Tells what this machine and environment are, what is wrong with them, and the command that mends each problem.

Ends with 0, or with 1 where it found problems.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from system.errors import ReportedError, run_script
from system.machine import Facts, gather

OLDEST_PYTHON = (3, 10)
LEAST_SHARED = 2**30  # bytes: workers hand their batches over in shared memory, and containers give 64 MB of it
LEAST_FREE = 2 * 2**30  # bytes: a run with its two checkpoints and its masks
INSTALL = "python -m pip install -r requirements.txt"


class UnfitError(ReportedError):
    """This machine or environment has problems."""


@dataclass(frozen=True)
class Problem:
    """What is wrong, and the command that mends it."""

    found: str
    command: str


def check_python(facts: Facts) -> list[Problem]:
    if facts.python[:2] >= OLDEST_PYTHON:
        return []
    found = f"Python {'.'.join(map(str, facts.python))}; {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed"
    return [Problem(found, "make setup PYTHON=python3.11   # with .venv removed")]


def check_packages(facts: Facts) -> list[Problem]:
    """Packages that are absent or of another version than requirements.txt wants."""
    problems = []
    for name, condition in facts.wanted.items():
        found = facts.versions.get(name)
        if found is None and not (name.startswith("opencv") and facts.wheels):
            problems.append(Problem(f"{name} is not installed", INSTALL))
        elif found is not None and not satisfies(found, condition):
            problems.append(Problem(f"{name} {found}; {condition} is wanted", f"{INSTALL} --upgrade"))
    return problems


def check_imports(facts: Facts) -> list[Problem]:
    """Packages that are installed and fail to import."""
    problems = []
    for name, why in facts.broken.items():
        command = f"python -m pip install --force-reinstall {name}"
        if name in ("torch", "torchvision"):  # most often one is of another build than the other
            command = "python -m pip install --force-reinstall torch torchvision   # together, from one index"
        problems.append(Problem(f"{name} is installed and fails to import: {why}", command))
    return problems


def check_opencv(facts: Facts) -> list[Problem]:
    """Several wheels write one folder, cv2; those that are not headless want a display's libraries."""
    if facts.wheels in ((), ("opencv-python-headless",)):
        return []
    commands = f"python -m pip uninstall -y {' '.join(facts.wheels)} && python -m pip install opencv-python-headless"
    return [Problem(f"OpenCV from {' and '.join(facts.wheels)}; only opencv-python-headless is wanted", commands)]


def check_gpu(facts: Facts) -> list[Problem]:
    if not facts.gpu_driver or facts.device is None or not facts.device.startswith("CPU"):
        return []
    if facts.cuda_build is None:
        command = "python -m pip install --force-reinstall torch torchvision   # a CUDA build, as pytorch.org says"
        return [Problem("an NVIDIA driver is here, but torch was built without CUDA", command)]
    found = f"an NVIDIA driver is here, but torch, built for CUDA {facts.cuda_build}, sees no device"
    return [Problem(found, "nvidia-smi   # if it fails, mend the driver; else see CUDA_VISIBLE_DEVICES")]


def check_threads(facts: Facts) -> list[Problem]:
    if facts.threads is None or facts.threads <= facts.usable_cores:
        return []
    found = f"torch uses {facts.threads} threads, but this process may use {facts.usable_cores} cores"
    return [Problem(found, f"export OMP_NUM_THREADS={facts.usable_cores}")]


def check_shared_memory(facts: Facts) -> list[Problem]:
    if facts.shared_memory is None or facts.shared_memory >= LEAST_SHARED:
        return []
    found = f"/dev/shm has {_size(facts.shared_memory)}, too little for the batches of loader workers"
    return [Problem(found, "docker run --shm-size=2g …   # or train with train.workers=0")]


def check_disks(facts: Facts) -> list[Problem]:
    problems = [
        Problem(f"{_size(free)} free at {folder}/, less than {_size(LEAST_FREE)}", f"du -sh {folder}/*   # and remove")
        for folder, free in facts.free.items()
        if free < LEAST_FREE
    ]
    return problems + [Problem(f"{name}/ cannot be written", f"chmod -R u+w {name}") for name in facts.read_only]


CHECKS: tuple[Callable[[Facts], list[Problem]], ...] = (
    check_python,
    check_packages,
    check_imports,
    check_opencv,
    check_gpu,
    check_threads,
    check_shared_memory,
    check_disks,
)


def satisfies(version: str, condition: str) -> bool:
    """Whether a version such as "2.4.1+cpu" meets ">=2.4" or "==2.0.8"; other conditions are taken as met."""
    match = re.fullmatch(r"(==|>=)\s*([0-9.]+)", condition)
    if match is None:
        return True
    found, wanted = (tuple(int(n) for n in re.findall(r"\d+", v.split("+")[0])[:3]) for v in (version, match[2]))
    width = max(len(found), len(wanted))
    found, wanted = (numbers + (0,) * (width - len(numbers)) for numbers in (found, wanted))
    return found == wanted if match[1] == "==" else found >= wanted


def describe(facts: Facts) -> list[str]:
    """The facts, one line each."""
    shared = "none of its own" if facts.shared_memory is None else _size(facts.shared_memory)
    rows = {
        "python": f"{'.'.join(map(str, facts.python))} on {facts.system}",
        "packages": ", ".join(f"{name} {version}" for name, version in facts.versions.items()) or "none",
        "opencv": " and ".join(facts.wheels) or "none",
        "cuda": f"torch is built for {facts.cuda_build or 'the CPU alone'}",
        "device": facts.device or "unknown without torch",
        "precision": f"auto picks {facts.precision}: {facts.reason}" if facts.precision else "unknown without torch",
        "cpu": f"{', '.join(facts.cpu) or 'no known features'}; {facts.usable_cores} of {facts.cores} cores usable",
        "memory": f"shared (/dev/shm): {shared}",
        "disk": ", ".join(f"{_size(free)} free at {folder}/" for folder, free in facts.free.items()),
    }
    return [f"{name:9}  {text}" for name, text in rows.items()]


def find_problems(facts: Facts) -> list[Problem]:
    """Everything that is wrong, in the order in which it is best mended."""
    return [problem for check in CHECKS for problem in check(facts)]


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; `arguments` defaults to that of the process.

    Raises:
        UnfitError: there are problems (they are printed before).
    """
    parser = argparse.ArgumentParser(prog="python -m system.doctor", description=__doc__)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.parse_args(arguments)
    facts = gather()
    print("\n".join(describe(facts)))
    problems = find_problems(facts)
    for problem in problems:
        print(f"\nproblem: {problem.found}\n    mend: {problem.command}")
    if problems:
        raise UnfitError(f"{len(problems)} problem{'s' * (len(problems) > 1)}; the command for each stands below it")
    print("\nno problems")


if __name__ == "__main__":
    sys.exit(run_script(main))
