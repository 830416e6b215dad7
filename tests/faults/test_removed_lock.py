"""Somebody removes the lock file of a live training and starts a second one: only the second one writes."""

import signal
import sys

import pytest
from faults.runs import digest
from faults.test_exact_resume import command, finish

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="the kernel there has no such lock")]
CHANGES = ("train.epochs=20", "--resume")


def begun(config, folder, name):
    """Starts a training, and halts it when it has begun."""
    process = command(config, folder, name, *CHANGES)
    output = next(line for line in process.stdout if line.startswith(("run ", "error")))
    process.send_signal(signal.SIGSTOP)
    assert output.startswith("run "), output
    return process


def ended(process):
    process.send_signal(signal.SIGCONT)
    return process.communicate(timeout=120)[0]


@pytest.mark.parametrize("second_is", ["live", "done"])
def test_only_one_training_writes(config, tmp_path, tell, trials, second_is):
    if second_is == "done" and not trials(0, 1):
        pytest.skip("tests/engine/runs/test_lock.py has this without trainings; make test-faults runs it here too")
    first = begun(config, tmp_path, "run")
    (tmp_path / "outputs" / ".run.lock").unlink()
    second = begun(config, tmp_path, "run")
    if second_is == "done":
        ended(second)
    before = (tmp_path / "outputs" / "run" / "last.pth").read_bytes()
    output = ended(first)
    assert first.returncode == 7, output
    told = {"live": f"run is in use by process {second.pid} on ", "done": "another process has trained there since"}
    assert output.count("error: ") == 1
    assert told[second_is] in output
    assert (tmp_path / "outputs" / "run" / "last.pth").read_bytes() == before
    if second_is == "live":
        ended(second)
    assert second.returncode == 0
    finish(command(config, tmp_path, "alone", *CHANGES))
    assert digest(tmp_path / "outputs" / "run") == digest(tmp_path / "outputs" / "alone")
    tell(f"the lock file is removed, a second training is {second_is}", 1, "the first ends with exit 7, identical")
