"""Describes this machine and environment, and names each problem with the command that solves it.

The exit code is 0, or 1 if there are problems.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from system.errors import ReportedError, run_script
from system.machine.inspection import Machine, inspect_machine

OLDEST_PYTHON = (3, 10)
LEAST_SHARED = 2**30  # bytes: workers pass their batches through shared memory, and a container often has 64 MB of it
LEAST_FREE = 2 * 2**30  # bytes: enough for a run with its two checkpoints and its masks
INSTALL = "python -m pip install -r requirements.txt"


class UnfitError(ReportedError):
    """This machine or environment has problems."""


@dataclass(frozen=True)
class Problem:
    """What is wrong, and the command that solves it."""

    found: str
    command: str


def check_python(machine: Machine) -> list[Problem]:
    if machine.python[:2] >= OLDEST_PYTHON:
        return []
    found = f"Python {'.'.join(map(str, machine.python))}; {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed"
    return [Problem(found, "make setup PYTHON=python3.11   # with .venv removed")]


def check_packages(machine: Machine) -> list[Problem]:
    """Finds packages that are missing, or whose version does not satisfy requirements.txt."""
    problems = []
    for name, condition in machine.wanted.items():
        found = machine.versions.get(name)
        if found is None and not (name.startswith("opencv") and machine.wheels):
            problems.append(Problem(f"{name} is not installed", INSTALL))
        elif found is not None and not satisfies(found, condition):
            problems.append(Problem(f"{name} {found}; requirements.txt asks for {condition}", f"{INSTALL} --upgrade"))
    return problems


def check_imports(machine: Machine) -> list[Problem]:
    """Finds packages that are installed but fail to import."""
    problems = []
    for name, why in machine.broken.items():
        command = f"python -m pip install --force-reinstall {name}"
        if name in ("torch", "torchvision"):  # most often their builds do not match
            command = "python -m pip install --force-reinstall torch torchvision   # both together, from one index"
        problems.append(Problem(f"{name} is installed but fails to import: {why}", command))
    return problems


def check_opencv(machine: Machine) -> list[Problem]:
    """Finds other wheels of OpenCV: all write to the same folder, cv2, and only the headless one needs no display."""
    if machine.wheels in ((), ("opencv-python-headless",)):
        return []
    found = f"OpenCV comes from {' and '.join(machine.wheels)}; only opencv-python-headless may be installed"
    remove = f"python -m pip uninstall -y {' '.join(machine.wheels)}"
    return [Problem(found, f"{remove} && python -m pip install opencv-python-headless")]


def check_gpu(machine: Machine) -> list[Problem]:
    """Finds a GPU that PyTorch cannot use."""
    if not machine.gpu_driver or machine.device is None or not machine.device.startswith("CPU"):
        return []
    if machine.cuda_build is None:
        command = "python -m pip install --force-reinstall torch torchvision   # a build for CUDA, see pytorch.org"
        return [Problem("an NVIDIA driver is installed, but torch was built without CUDA", command)]
    found = f"an NVIDIA driver is installed, but torch, built for CUDA {machine.cuda_build}, sees no device"
    return [Problem(found, "nvidia-smi   # if it fails, repair the driver; else check CUDA_VISIBLE_DEVICES")]


def check_threads(machine: Machine) -> list[Problem]:
    if machine.threads is None or machine.threads <= machine.usable_cores:
        return []
    found = f"torch uses {machine.threads} threads, but this process may use {machine.usable_cores} cores"
    return [Problem(found, f"export OMP_NUM_THREADS={machine.usable_cores}")]


def check_shared_memory(machine: Machine) -> list[Problem]:
    if machine.shared_memory is None or machine.shared_memory >= LEAST_SHARED:
        return []
    found = f"/dev/shm has {_size(machine.shared_memory)}, which is too little for the batches of loader workers"
    return [Problem(found, "docker run --shm-size=2g …   # or train with train.workers=0")]


def check_disks(machine: Machine) -> list[Problem]:
    problems = [
        Problem(
            f"{folder}/ has {_size(free)} of free disk space, less than {_size(LEAST_FREE)}",
            f"du -sh {folder}/*   # then remove what is no longer needed",
        )
        for folder, free in machine.free.items()
        if free < LEAST_FREE
    ]
    return problems + [Problem(f"{name}/ is not writable", f"chmod -R u+w {name}") for name in machine.read_only]


CHECKS: tuple[Callable[[Machine], list[Problem]], ...] = (
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
    """Returns whether a version such as "2.4.1+cpu" satisfies ">=2.4" or "==2.0.8".

    Any other condition counts as satisfied.
    """
    match = re.fullmatch(r"(==|>=)\s*([0-9.]+)", condition)
    if match is None:
        return True
    found, wanted = (tuple(int(n) for n in re.findall(r"\d+", v.split("+")[0])[:3]) for v in (version, match[2]))
    width = max(len(found), len(wanted))
    found, wanted = (numbers + (0,) * (width - len(numbers)) for numbers in (found, wanted))
    return found == wanted if match[1] == "==" else found >= wanted


def describe(machine: Machine) -> list[str]:
    """Returns what was found, one line for each subject."""
    shared = "no /dev/shm" if machine.shared_memory is None else f"{_size(machine.shared_memory)} in /dev/shm"
    precision = f"auto chooses {machine.precision}: {machine.reason}" if machine.precision else None
    features = ", ".join(machine.cpu) or "no known features"
    rows = {
        "python": f"{'.'.join(map(str, machine.python))} on {machine.system}",
        "packages": ", ".join(f"{name} {version}" for name, version in machine.versions.items()) or "none",
        "opencv": " and ".join(machine.wheels) or "none",
        "cuda": f"torch is built for {machine.cuda_build or 'the CPU only'}",
        "device": machine.device or "unknown without torch",
        "precision": precision or "unknown without torch",
        "cpu": f"{features}; {machine.usable_cores} of {machine.cores} cores are usable",
        "memory": f"shared memory: {shared}",
        "disk": ", ".join(f"{_size(free)} free at {folder}/" for folder, free in machine.free.items()),
    }
    return [f"{name:9}  {text}" for name, text in rows.items()]


def find_problems(machine: Machine) -> list[Problem]:
    """Returns everything that is wrong, in the order in which it is best solved."""
    return [problem for check in CHECKS for problem in check(machine)]


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; `arguments` defaults to that of the process.

    Raises:
        UnfitError: there are problems; they have been printed.
    """
    parser = argparse.ArgumentParser(prog="python -m system.doctor", description=__doc__)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.parse_args(arguments)
    machine = inspect_machine()
    print("\n".join(describe(machine)))
    problems = find_problems(machine)
    for problem in problems:
        print(f"\nproblem: {problem.found}\n    fix: {problem.command}")
    if problems:
        raise UnfitError(f"found {len(problems)} problem{'s' * (len(problems) > 1)}; each is followed by its fix")
    print("\nno problems")


if __name__ == "__main__":
    sys.exit(run_script(main))
