"""How much memory is free for this process."""

from __future__ import annotations

import os
from pathlib import Path

from system.machine.control_groups import CGROUPS, MEMBERSHIP, group_folders

MEMINFO = Path("/proc/meminfo")
UNKNOWN = 8 * 2**30  # bytes that count as free where the system does not say how many are
# Control groups of version 2, then of version 1: the limit, the usage, and the line of memory.stat with the bytes of
# files that nobody has used for a while. The system gives those up when memory is needed.
FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def free_memory() -> int:
    """Returns the bytes that this process can still allocate.

    These are the free ones of the machine, or fewer if its control group has fewer.
    """
    return free_bytes(MEMINFO, CGROUPS, MEMBERSHIP)


def free_share(share: float) -> int:
    """Returns this share of the free memory, in bytes, divided among the processes of one training on this machine.

    torchrun says how many there are (LOCAL_WORLD_SIZE).
    """
    return int(free_memory() * share) // int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def free_bytes(meminfo: Path, mount: Path, membership: Path) -> int:
    """Returns the lowest of what the machine and each control group of this process have left, in bytes.

    Args:
        meminfo: the file in which Linux says how much memory is available.
        mount, membership: see `system.machine.control_groups.group_folders`.
    """
    left = [_left_in(folder) for folder in group_folders(mount, membership, "memory")]
    left.append(_available(meminfo))
    return max(0, min((one for one in left if one is not None), default=UNKNOWN))


def _available(meminfo: Path) -> int | None:
    """Returns MemAvailable, in bytes; without it half of the machine's memory, or None."""
    try:
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):  # Windows has no such function, other systems may not know the names
        return None


def _left_in(folder: Path) -> int | None:
    """Returns what the limit of one control group leaves, in bytes; None where it has no limit."""
    for limit, usage, unused in FILES:
        try:
            most, used = (int((folder / name).read_text(encoding="ascii")) for name in (limit, usage))
        except (OSError, ValueError):  # no such file, or "max", the word of version 2 for no limit
            continue
        return most - used + min(used, _line_of(folder / "memory.stat", unused))
    return None


def _line_of(path: Path, key: str) -> int:
    """Returns the number behind `key` in a file of lines such as "inactive_file 4096"; 0 without it."""
    try:
        lines = (line.split() for line in path.read_text(encoding="ascii").splitlines())
        return next((int(words[1]) for words in lines if words[:1] == [key]), 0)
    except (OSError, ValueError, IndexError):
        return 0
