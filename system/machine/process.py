"""What a process settles for itself before it loads torch. It changes the time of the work, and nothing else."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from system.machine.control_groups import CGROUPS, MEMBERSHIP
from system.machine.cores import cgroup_limit, usable_cores

# Numbers of mallopt (malloc.h) → values. glibc then keeps the memory of a step for the next one. By default it gives
# the memory back to the system, and gets it again page by page.
ALLOCATOR = {-4: 0, -1: -1, -2: 64 * 2**20}  # M_MMAP_MAX: none; M_TRIM_THRESHOLD: never; M_TOP_PAD: 64 MiB
ALLOCATING = ("MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")


def settle_process(environment: MutableMapping[str, str] = os.environ) -> None:
    """Settles how many threads there are, and how memory is kept. Call it before torch is imported.

    What the user has set in the environment stays as it is.
    """
    settle_threads(environment)
    settle_allocator(environment)


def settle_threads(environment: MutableMapping[str, str]) -> None:
    """Sets as many threads as a control group leaves cores; torch itself would count all cores."""
    if "OMP_NUM_THREADS" not in environment and cgroup_limit(CGROUPS, MEMBERSHIP) is not None:
        environment["OMP_NUM_THREADS"] = str(usable_cores())


def settle_allocator(environment: MutableMapping[str, str]) -> bool:
    """Tells glibc's allocator to keep memory; returns whether it does. Without glibc nothing happens."""
    chosen = any(name in environment for name in ALLOCATING) or "glibc.malloc" in environment.get("GLIBC_TUNABLES", "")
    if chosen or not has_glibc():
        return False
    import ctypes

    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(number, value) for number, value in ALLOCATOR.items()])


def has_glibc() -> bool:
    """Returns whether the C library of this process is glibc."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION").startswith("glibc")
    except (AttributeError, OSError, ValueError):  # Windows has no confstr, and other libraries do not know the name
        return False
