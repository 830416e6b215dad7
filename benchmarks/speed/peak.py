"""Measures the peak memory of a few steps in a process of their own.

python -m benchmarks.speed.peak ours|plain NestedUNet fp32 16 96
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# As `settle_allocator` in system/machine/process.py: glibc keeps memory, and does not give it back after each step.
ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "1000000000000", "MALLOC_TOP_PAD_": "67108864"}
STEPS = 3


def peak_memory() -> float:
    """Returns the largest resident memory of this process so far, in MiB."""
    return _memory("VmHWM")


def resident_memory() -> float:
    """Returns the resident memory now, in MiB; if the system does not say, the largest so far."""
    return _memory("VmRSS")


def _memory(key: str) -> float:
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss survives exec, so it would include the memory of the parent process
        (line,) = [line for line in status.read_text(encoding="ascii").splitlines() if line.startswith(key)]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def run_alone(module: str, *arguments: object, environment: Mapping[str, str] | None = None) -> dict[str, float]:
    """Runs `python -m module arguments` and returns the line of JSON that it prints.

    The allocator of glibc has its defaults unless `environment` changes them.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, env=inherited | dict(environment or {}), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def peak_of(
    path: str, model: str, precision: str, *, batch: int, size: int, environment: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Measures `ours` or the `plain` path: `peak` in MiB above import, and the page `faults` of the last step."""
    return run_alone("benchmarks.speed.peak", path, model, precision, batch, size, environment=environment)


def main() -> None:
    path, model, precision, batch, size = sys.argv[1:]
    from benchmarks.plain import PlainNet, plain_step
    from benchmarks.step import random_batch, step_on
    from engine.device import choose_runtime

    before = resident_memory()
    batches, loss = itertools.repeat(random_batch(int(batch), int(size))).__next__, "LovaszHingeLoss"
    if path == "ours":
        step = step_on(batches, model_name=model, loss_name=loss, runtime=choose_runtime("cpu", precision))
    else:
        step = plain_step(PlainNet(model), loss, batches, device="cpu")
    for _ in range(STEPS):
        pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        step()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - pages
    print(json.dumps({"peak": peak_memory() - before, "faults": faults}))


if __name__ == "__main__":
    main()
