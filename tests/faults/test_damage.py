"""Checkpoints with flipped bits and cuts, and disks that are full or read-only."""

import random
import shutil
import subprocess
import sys

import pytest
import torch
from faults.runs import digest

from engine.runs.checkpoint_file import load_checkpoint
from engine.runs.starting_weights import load_weights
from models import UNet
from system.errors import CheckpointError

pytestmark = pytest.mark.slow

SEAL = 2 + len(b"sealed crc32 ") + 8  # bytes: the length field, the marker, the checksum


@pytest.fixture(scope="module")
def run(config, launchers, unstopped):
    """A finished run folder; tests copy it."""
    return config.parent / "a" / "outputs" / "tiny"


def accepted(path, content):
    path.write_bytes(content)
    try:
        load_checkpoint(path)
    except CheckpointError:
        return False
    return True


def test_bit_flips_and_truncations_are_detected(run, tmp_path, trials, tell):
    whole, path, chance = (run / "last.pth").read_bytes(), tmp_path / "x.pth", random.Random(0)
    assert accepted(path, whole)  # the control
    inside = range((len(whole) - SEAL) * 8, len(whole) * 8)
    flips = [*inside, *(chance.randrange(inside.start) for _ in range(trials(200, 2000)))]
    missed = []
    for bit in flips:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        missed += [bit] * accepted(path, damaged)
    lengths = [len(whole) - cut for cut in range(1, SEAL + 1)]
    lengths += [chance.randrange(len(whole)) for _ in range(trials(20, 200))]
    missed += [length for length in lengths if accepted(path, whole[:length])]
    what = f"{len(flips)} flips ({len(inside)} are every bit of the seal), {len(lengths)} cuts, {len(missed)} missed"
    tell("single-bit flips / truncations of a checkpoint", len(flips) + len(lengths), what)
    assert missed == []


def test_training_recovers_from_a_damaged_checkpoint(config, launchers, unstopped, tmp_path, trials, tell):
    expected, _ = unstopped
    held = 0
    kinds = ("flip", "cut", "seal", "absent")
    for kind in kinds[: trials(2, 4)]:
        root = tmp_path / kind
        assert launchers[0].trial(root, config, kill_at_operation=8)["code"] == -9  # in the save of an epoch
        last = root / "outputs" / "tiny" / "last.pth"
        content = bytearray(last.read_bytes())
        content[{"flip": len(content) // 3, "seal": -12}.get(kind, 0)] ^= 8
        if kind == "absent":
            last.unlink()
        else:
            last.write_bytes(content[: len(content) // 2] if kind == "cut" else content)
        answer = launchers[0].trial(root, config, "--resume")
        assert answer["code"] == 0, answer["output"]
        assert answer["output"].count("going on from previous.pth") == 1
        held += digest(root / "outputs" / "tiny") == expected
    tell("a damaged last.pth, then resume", held, "previous.pth taken, said in one line, finished identically")
    assert held == trials(2, 4)


def test_both_damaged_is_refused_and_nothing_is_touched(config, launchers, run, tmp_path):
    root = tmp_path / "x"
    folder = root / "outputs" / "tiny"
    shutil.copytree(run, folder)
    for name in ("last.pth", "previous.pth"):
        (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    answer = launchers[0].trial(root, config, "--resume")
    assert answer["code"] == 3
    assert "no checkpoint is left to go on from, and nothing was changed" in answer["output"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_seal_that_is_there_must_hold_for_model_weights_too(run, tmp_path):
    network = UNet(filters=(2, 2))
    content = bytearray((run / "best.pth").read_bytes())
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    assert load_weights(network, path) == []
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="its seal is not valid"):
        load_weights(network, path)
    torch.save(network.state_dict(), path)  # from elsewhere: no seal at all
    assert load_weights(network, path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits file sizes")
def test_a_file_size_limit_ends_with_6(config, launchers, unstopped, tmp_path, tell):
    expected, _ = unstopped
    assert launchers[0].trial(tmp_path, config, kill_at_operation=1)["code"] == -9
    folder = tmp_path / "outputs" / "tiny"
    before = (folder / "last.pth").read_bytes()
    answer = launchers[0].trial(tmp_path, config, "--resume", file_size_limit=len(before) // 2)
    assert answer["code"] == 6, answer["output"]
    assert "last.pth: cannot be written (File too large); the file that was there is still complete" in answer["output"]
    assert (folder / "last.pth").read_bytes() == before
    assert launchers[0].trial(tmp_path, config, "--resume")["code"] == 0
    assert digest(folder) == expected
    tell("disk full (RLIMIT_FSIZE)", 1, "exit 6, what was there whole, finished identically")


def mounted(folder, options):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
@pytest.mark.parametrize(("fault", "told"), [("full", "No space left"), ("read-only", "Read-only file system")])
def test_a_real_full_or_read_only_disk_ends_with_6(config, launchers, unstopped, tmp_path, tell, fault, told):
    expected, _ = unstopped
    root = tmp_path / "disk"
    begun = tmp_path / "begun"
    assert launchers[0].trial(begun, config, kill_at_operation=1)["code"] == -9
    (root / "outputs").mkdir(parents=True)
    if not mounted(root / "outputs", "size=400k"):
        pytest.skip("this user may not mount a tmpfs")
    try:
        shutil.copytree(begun / "outputs" / "tiny", root / "outputs" / "tiny")
        folder = root / "outputs" / "tiny"
        before = (folder / "last.pth").read_bytes()
        ballast = root / "outputs" / "ballast"
        if fault == "full":
            subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=4k"], capture_output=True)  # until it is full
        else:
            subprocess.run(["mount", "-o", "remount,ro", root / "outputs"], check=True)
        answer = launchers[0].trial(root, config, "--resume")
        assert answer["code"] == 6, answer["output"]
        assert told in answer["output"]
        assert (folder / "last.pth").read_bytes() == before
        if fault == "full":
            ballast.unlink()
        else:
            subprocess.run(["mount", "-o", "remount,rw", root / "outputs"], check=True)
        assert launchers[0].trial(root, config, "--resume")["code"] == 0
        assert digest(folder) == expected
    finally:
        subprocess.run(["umount", "-l", root / "outputs"], check=True)
    tell(f"disk {fault} (a tmpfs)", 1, "exit 6, what was there whole, finished identically")
