"""How many processor cores this process may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")  # where Linux shows the control groups, by which containers and schedulers set limits
MEMBERSHIP = Path("/proc/self/cgroup")  # the control groups of this process, one per line


def usable_cores() -> int:
    """Cores that this process may use: those of its affinity, or fewer where its control group sets a lower limit."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = cgroup_limit(CGROUPS, MEMBERSHIP)
    return cores if limit is None else max(1, min(cores, round(limit)))


def cgroup_limit(mount: Path, membership: Path) -> float | None:
    """The limit that control groups set on the processor time of this process, in cores; None where there is none.

    A group is limited by all groups above it as well, so that the lowest limit counts.

    Args:
        mount: the folder of the control groups, as of version 2 or of version 1.
        membership: the file with the control groups of this process.
    """
    limits = [_limit_of(folder) for folder in _folders(mount, membership)]
    return min((limit for limit in limits if limit is not None), default=None)


def _folders(mount: Path, membership: Path) -> Iterator[Path]:
    """The folders that may limit this process. Some do not exist: a container sees its own group as the topmost one."""
    yield from (mount, mount / "cpu")
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        controllers, _, path = line.partition(":")[2].partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        group = mount / "cpu" if controllers else mount  # version 1 has a tree for each controller, version 2 one
        for name in Path(path).parts[1:]:
            group /= name
            yield group


def _limit_of(folder: Path) -> float | None:
    """The limit of one control group: cpu.max in version 2, cpu.cfs_quota_us and cpu.cfs_period_us in version 1."""
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
