"""The facts of this machine and environment that decide whether a training works here; gathered, not judged."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WHEELS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
# Package → its module, where the two have different names.
IMPORTS = {"opencv-python-headless": "cv2", "pillow": "PIL", "pyyaml": "yaml", "scikit-learn": "sklearn"}


@dataclass(frozen=True)
class Facts:
    """What was found. Sizes are bytes; None is unknown, or not of this platform.

    Attributes:
        python, system: versions.
        wanted: package → the condition of requirements.txt, such as ">=2.4".
        versions: package → its installed version.
        broken: package that is installed and fails to import → why.
        wheels: the OpenCV wheels that are installed.
        device, precision, reason: what `auto` picks, and why; None without a working torch.
        gpu_driver: whether the system has an NVIDIA driver.
        cuda_build: the CUDA that torch was built with.
        cpu: what it computes natively, such as AVX2.
        cores, usable_cores: of the machine, and of this process.
        threads: that torch uses.
        shared_memory: size of /dev/shm.
        free: folder → bytes free on its disk.
        read_only: folders that cannot be written.
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


def gather(root: Path = ROOT) -> Facts:
    """The facts of this machine for the project at `root`; what cannot be found out stays at its default."""
    wanted = _requirements(root / "requirements.txt")
    versions = {name: version for name in wanted if (version := _version(name))}
    broken = {name: why for name in versions if (why := _import_error(IMPORTS.get(name, name)))}
    folders = {name: root / name for name in ("inputs", "outputs")}
    shared_memory = Path("/dev/shm")
    return Facts(
        python=sys.version_info[:3],
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        wanted=wanted,
        versions=versions,
        broken=broken,
        wheels=tuple(name for name in WHEELS if _version(name)),
        gpu_driver=bool(shutil.which("nvidia-smi")) or Path("/proc/driver/nvidia/version").exists(),
        cores=os.cpu_count() or 1,
        usable_cores=_usable_cores(),
        shared_memory=shutil.disk_usage(shared_memory).total if shared_memory.is_dir() else None,
        free={name: shutil.disk_usage(_existing(folder)).free for name, folder in folders.items()},
        read_only=tuple(name for name, folder in folders.items() if not os.access(_existing(folder), os.W_OK)),
        **(_of_torch() if "torch" in versions and "torch" not in broken else {}),
    )


def _requirements(path: Path) -> dict[str, str]:
    """requirements.txt → package → condition."""
    if not path.exists():
        return {}
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    starts = {line: next((i for i, letter in enumerate(line) if letter in "=<>!~ "), len(line)) for line in lines}
    return {line[:end].lower(): line[end:].strip() for line, end in starts.items() if line}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _import_error(module: str) -> str | None:
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else it asks the network at import
    try:
        importlib.import_module(module)
    except Exception as error:  # a broken package raises whatever it likes
        return " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return None


def _usable_cores() -> int:
    """Cores that this process may use: by its affinity and by the limit of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _of_torch() -> dict:
    import torch

    from engine.device import choose_runtime

    runtime = choose_runtime()
    native = runtime.precision == "bf16"
    what, otherwise = ("the GPU", "; try train.precision: fp16") if runtime.on_cuda else ("the CPU", "")
    checks = {"AVX2": "_is_avx2_supported", "AVX-512": "_is_avx512_supported"}
    checks |= {"bf16": "_is_avx512_bf16_supported", "AMX": "_is_amx_tile_supported"}
    has = {name: getattr(torch.cpu, check, lambda: False) for name, check in checks.items()}
    return {
        "device": str(runtime),
        "precision": runtime.precision,
        "reason": f"{what} computes in bf16" if native else f"{what} only emulates bf16, which is slow{otherwise}",
        "cuda_build": torch.version.cuda,
        "cpu": tuple(name for name, check in has.items() if check()),
        "threads": torch.get_num_threads(),
    }
