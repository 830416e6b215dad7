"""How many processor cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path

from system.machine.control_groups import CGROUPS, MEMBERSHIP, group_folders


def usable_cores() -> int:
    """Cores that this process may use: those of its affinity, or fewer where its control group sets a lower limit."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = cgroup_limit(CGROUPS, MEMBERSHIP)
    return cores if limit is None else max(1, min(cores, round(limit)))


def cgroup_limit(mount: Path, membership: Path) -> float | None:
    """Returns the limit of control groups on the processor time of this process, in cores; None where there is none.

    A group is limited by all groups above it as well, so that the lowest limit counts.

    Args:
        mount, membership: see `system.machine.control_groups.group_folders`.
    """
    limits = [_limit_of(folder) for folder in group_folders(mount, membership, "cpu")]
    return min((limit for limit in limits if limit is not None), default=None)


def _limit_of(folder: Path) -> float | None:
    """Returns the limit of one control group.

    It is cpu.max in version 2, and cpu.cfs_quota_us and cpu.cfs_period_us in version 1.
    """
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period")
            )
        return int(quota) / int(period) if int(quota) > 0 else None  # version 1 writes -1 for no limit
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or "max", the word of version 2 for no limit
        return None
