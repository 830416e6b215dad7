"""Arrays in files: zeros that can be written, gone afterwards, and no kill on a full disk."""

import os
import subprocess
import sys

import numpy as np
import pytest

from system import scratch
from system.errors import DiskError
from system.scratch import array_in_file


@pytest.mark.parametrize("reserving", [True, False])
def test_an_array_that_is_gone_afterwards(tmp_path, monkeypatch, reserving):
    if not reserving:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
        monkeypatch.setattr(scratch, "CHUNK", 7)
    path = tmp_path / "maps"
    with array_in_file(path, np.uint16, (3, 4, 5)) as array:
        assert (array.shape, array.dtype, array.max()) == ((3, 4, 5), np.uint16, 0)
        array[1] = 9
        assert np.fromfile(path, np.uint16).sum() == 9 * 20
        assert path.stat().st_blocks * 512 >= 120 or sys.platform == "win32"  # reserved, not sparse
    assert not list(tmp_path.iterdir())
    with pytest.raises(KeyError), array_in_file(path, np.uint8, (2,)):
        raise KeyError
    assert not list(tmp_path.iterdir())


FULL = """
import resource, signal, sys; from pathlib import Path; import numpy as np
from system.scratch import array_in_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
with array_in_file(Path(sys.argv[1]) / "maps", np.uint8, (100, 200)) as array:
    array[:] = 1
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process's files")
def test_no_room(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert "DiskError" in done.stderr
    assert "maps: 0.00 GB cannot be reserved" in done.stderr
    assert not list(tmp_path.iterdir())


def test_no_folder(tmp_path):
    with pytest.raises(DiskError, match="cannot be reserved"), array_in_file(tmp_path / "no" / "maps", np.uint8, (2,)):
        pass
