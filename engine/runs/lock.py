"""One process per run folder: a lock that the kernel releases when its process ends, however it ends."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import time
from pathlib import Path

from system.errors import DiskError, LockedError

try:
    import fcntl
except ImportError:  # Windows does not have it; there, two runs in one folder are not prevented
    fcntl = None

WITHOUT_LOCKS = {getattr(errno, name) for name in ("ENOLCK", "EOPNOTSUPP", "ENOSYS") if hasattr(errno, name)}


class FolderLock:
    """The lock of one run folder: a file beside the folder. It says which process has the lock.

    It is a POSIX record lock, because the loader forks workers: they would inherit the lock of the package filelock,
    which is flock, and would keep it when the training itself has died.

    Attributes:
        path: the lock file.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder.with_name(f".{folder.name}.lock")
        self._descriptor: int | None = None
        self._made_parent = False
        self._without_locks = fcntl is None

    def claim(self) -> None:
        """Takes the lock, unless this process has it already or the file system has no locks, which is printed once.

        Raises:
            LockedError: another process has it.
            DiskError: the lock file cannot be written.
        """
        while not self._without_locks and self._descriptor is None:
            try:
                self._made_parent |= not self.path.parent.exists()
                self.path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as error:
                advice = "nothing was changed; correct the access rights or the disk"
                raise DiskError(f"{self.path}: cannot be written ({error.strerror}); {advice}") from error
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:
                holder = os.pread(descriptor, 1000, 0).decode(errors="replace") or "a process that has just begun"
                os.close(descriptor)
                raise LockedError(
                    f"{self.path.parent / self.path.name[1:-5]} is in use by {holder}; "
                    "wait for it, stop it (it can be resumed), or start another run with name=…"
                ) from error
            except OSError as error:
                os.close(descriptor)
                if error.errno not in WITHOUT_LOCKS:
                    raise
                self._without_locks = True
                self.path.unlink(missing_ok=True)
                print(f"lock    none: {self.path.parent} has no file locks; start no second run in this folder")
                return
            if self._is_still_there(descriptor):
                since = time.strftime("%Y-%m-%d %H:%M:%S %z")
                os.ftruncate(descriptor, 0)
                with contextlib.suppress(OSError):  # on a full disk the lock holds all the same
                    os.pwrite(descriptor, f"process {os.getpid()} on {platform.node()} since {since}".encode(), 0)
                self._descriptor = descriptor
            else:
                os.close(descriptor)

    def renew(self) -> bool:
        """Takes the lock again if somebody has removed its file, which anybody may do at any time.

        Returns:
            Whether the file was removed, so that another process may have had the lock meanwhile.

        Raises:
            LockedError: another process has the lock now.
            DiskError: the lock file cannot be written.
        """
        if self._descriptor is None or self._is_still_there(self._descriptor):
            return False
        os.close(self._descriptor)
        self._descriptor = None
        self.claim()
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            if self._is_still_there(self._descriptor):  # not the file of another process
                with contextlib.suppress(OSError):
                    self.path.unlink()
            os.close(self._descriptor)
            self._descriptor = None
            if self._made_parent:
                with contextlib.suppress(OSError):  # this fails, as it should, if another run is in it
                    self.path.parent.rmdir()

    def _is_still_there(self, descriptor: int) -> bool:
        """False if the file was removed since we opened it: by its earlier owner, or by a person."""
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        return False
