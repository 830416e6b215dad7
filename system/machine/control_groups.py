"""The control groups of this process, by which containers and schedulers set limits on Linux."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")  # where Linux shows the control groups
MEMBERSHIP = Path("/proc/self/cgroup")  # the control groups of this process, one per line


def group_folders(mount: Path, membership: Path, controller: str) -> Iterator[Path]:
    """Returns the folders that may limit this process.

    Some do not exist: a container sees its own group as the topmost one.
    A group is limited by all groups above it as well.

    Args:
        mount: the folder of the control groups, as of version 2 or of version 1.
        membership: the file with the control groups of this process.
        controller: what is limited, "cpu" or "memory".
    """
    yield from (mount, mount / controller)
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        controllers, _, path = line.partition(":")[2].partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        group = mount / controller if controllers else mount  # version 1 has a tree for each controller, version 2 one
        for name in Path(path).parts[1:]:
            group /= name
            yield group
