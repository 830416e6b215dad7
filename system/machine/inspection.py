"""What decides whether a training works on this machine and in this environment. Here it is gathered, not judged."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from system.machine.cores import usable_cores
from system.machine.hardware import cpu_features, default_device, default_precision, describe_device

ROOT = Path(__file__).resolve().parents[2]
SHARED_MEMORY = Path("/dev/shm")
WHEELS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
# Package → the module that it installs, where the two have different names.
MODULES = {
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
}


@dataclass(frozen=True)
class Machine:
    """What was found. Sizes are in bytes. None means that a value is unknown, or that this platform does not have it.

    Attributes:
        python: version of Python.
        system: name, version and processor type of the operating system.
        wanted: package → its condition in requirements.txt, such as ">=2.4".
        versions: package → its installed version.
        broken: package that is installed but fails to import → the error.
        wheels: the OpenCV wheels that are installed.
        device: the device and precision that `auto` chooses; None without a working PyTorch.
        precision: the precision that `auto` chooses.
        reason: why `auto` chooses this precision.
        gpu_driver: whether the system has an NVIDIA driver.
        cuda_build: the version of CUDA that PyTorch was built with.
        cpu: what the CPU computes natively, such as AVX2.
        cores: cores of the machine.
        usable_cores: cores that this process may use.
        threads: threads that PyTorch uses.
        shared_memory: size of /dev/shm.
        free: folder → free space on its disk.
        read_only: folders that this process may not write to.
    """

    python: tuple[int, int, int]
    system: str
    wanted: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    wheels: tuple[str, ...] = ()
    device: str | None = None
    precision: str | None = None
    reason: str | None = None
    gpu_driver: bool = False
    cuda_build: str | None = None
    cpu: tuple[str, ...] = ()
    cores: int = 1
    usable_cores: int = 1
    threads: int | None = None
    shared_memory: int | None = None
    free: dict[str, int] = field(default_factory=dict)
    read_only: tuple[str, ...] = ()


def inspect_machine(root: Path = ROOT) -> Machine:
    """Describes this machine for the project at `root`. What cannot be found out keeps its default."""
    wanted = _requirements(root / "requirements.txt")
    versions = {name: version for name in wanted if (version := _version(name))}
    broken = {name: why for name in versions if (why := _import_error(MODULES.get(name, name)))}
    folders = {name: _existing(root / name) for name in ("inputs", "outputs")}
    machine = Machine(
        python=sys.version_info[:3],
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        wanted=wanted,
        versions=versions,
        broken=broken,
        wheels=tuple(name for name in WHEELS if _version(name)),
        gpu_driver=bool(shutil.which("nvidia-smi")) or Path("/proc/driver/nvidia/version").exists(),
        cores=os.cpu_count() or 1,
        usable_cores=usable_cores(),
        shared_memory=shutil.disk_usage(SHARED_MEMORY).total if SHARED_MEMORY.is_dir() else None,
        free={name: shutil.disk_usage(folder).free for name, folder in folders.items()},
        read_only=tuple(name for name, folder in folders.items() if not os.access(folder, os.W_OK)),
    )
    return _with_torch(machine) if "torch" in versions and "torch" not in broken else machine


def _with_torch(machine: Machine) -> Machine:
    """Adds what only PyTorch knows."""
    import torch

    name = default_device()
    precision = default_precision(name)
    what, advice = ("the GPU", "; try train.precision: fp16") if name == "cuda" else ("the CPU", "")
    emulated = f"{what} only emulates bf16, which is slow{advice}"
    return replace(
        machine,
        device=f"{describe_device(torch.device(name))}, {precision}",
        precision=precision,
        reason=f"{what} computes in bf16" if precision == "bf16" else emulated,
        cuda_build=torch.version.cuda,
        cpu=cpu_features(),
        threads=torch.get_num_threads(),
    )


def _requirements(path: Path) -> dict[str, str]:
    """Reads requirements.txt: package → condition."""
    if not path.exists():
        return {}
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    parts = [re.fullmatch(r"([^=<>!~ ]+)(.*)", line) for line in lines]
    return {part[1].lower(): part[2].strip() for part in parts if part}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _import_error(module: str) -> str | None:
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # without it, albumentations asks the network when imported
    try:
        importlib.import_module(module)
    except Exception as error:  # a broken package can raise any kind of error
        return " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return None


def _existing(folder: Path) -> Path:
    """Returns the folder itself, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
