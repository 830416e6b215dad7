"""Named pipes, sockets and devices are no files: to open one may wait for ever, and to read one may never end."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def require_regular(path: Path) -> None:
    """Refuses a path, before it is opened, that leads to a named pipe, a socket or a device. Links are followed.

    Raises:
        OSError: there is such a thing at `path`, which `strerror` names; or there is nothing.
    """
    if kind := KINDS.get(stat.S_IFMT(path.stat().st_mode)):
        raise OSError(errno.EINVAL, f"{kind}, not a file", str(path))
