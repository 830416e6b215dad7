"""An import that is killed leaves no data folder, and none of its processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.imported_sets import as_folder, grey, tif, two_cells

ROOT = Path(__file__).resolve().parents[3]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")]


def children(pid):
    """The processes that `pid` started, and theirs."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [child for one in map(int, listed) for child in (one, *children(one))]


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return found


@pytest.fixture
def importing(tmp_path):
    """An import of 3,000 images by two processes, once it has written some of them."""
    image, labels = tif(grey(0, 256, 256)), tif(two_cells(256, 256).astype("uint16"))
    files = {f"{kind}/{n}.tif": data for n in range(3000) for kind, data in (("images", image), ("masks", labels))}
    source = as_folder(tmp_path / "set", files)
    command = [sys.executable, "-m", "datasets.prepare", "stardist", "--source", source, "--out", tmp_path / "out"]
    process = subprocess.Popen([*command, "--workers", "2"], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    wait_for(lambda: list(tmp_path.glob("out.partial/labels/*")))
    yield process
    process.kill()
    process.communicate()


def test_killed(importing, tmp_path):
    workers = children(importing.pid)
    assert len(workers) >= 2
    importing.kill()
    importing.wait()
    wait_for(lambda: not any(map(running, workers)))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_by_a_signal(importing, tmp_path, number, code):
    workers = children(importing.pid)
    importing.send_signal(number)
    _, err = importing.communicate(timeout=60)
    assert importing.returncode == code
    assert "stopped by SIG" in err.decode()
    wait_for(lambda: not any(map(running, workers)))
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_worker_that_the_system_ends(importing, tmp_path):
    worker = next(pid for pid in children(importing.pid) if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(worker, signal.SIGKILL)
    _, err = importing.communicate(timeout=60)
    assert importing.returncode == 5
    assert "--workers 1" in err.decode()
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
