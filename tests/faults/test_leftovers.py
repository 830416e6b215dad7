"""What a killed process leaves behind does not stand in the way of the next one."""

import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest
from faults.runs import digest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")]


@contextmanager
def small_disk(folder, size):
    folder.mkdir(parents=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if subprocess.run(words, capture_output=True).returncode:
        pytest.skip("this user may not mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(path):
    subprocess.run(["dd", "if=/dev/zero", f"of={path}", "bs=1k"], capture_output=True)  # until the disk is full


@pytest.mark.parametrize("name", [".last.pth.tmp99999", "ballast"])
def test_a_temporary_file_that_fills_the_disk(config, launchers, unstopped, tmp_path, tell, name):
    expected, _ = unstopped
    begun = tmp_path / "begun"
    assert launchers[0].trial(begun, config, kill_at_operation=1)["code"] == -9
    root = tmp_path / "disk"
    with small_disk(root / "outputs", "400k"):
        shutil.copytree(begun / "outputs" / "tiny", root / "outputs" / "tiny")
        leftover = root / "outputs" / "tiny" / name
        fill(leftover)
        # The output of the trial lies beside outputs/, on another disk.
        answer = launchers[0].trial(root, config, "--resume")
        if name == "ballast":  # the control: a file of somebody else stays
            assert answer["code"] == 6, answer["output"]
            assert leftover.exists()
            return
        assert answer["code"] == 0, answer["output"]
        assert not leftover.exists()
        assert digest(root / "outputs" / "tiny") == expected
    tell("a temporary file of a killed process fills the disk (a tmpfs)", 1, "removed first, resumed identically")
