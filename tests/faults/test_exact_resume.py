"""Exact resume through the real command line, for every kind of training; and what must not matter to a run."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faults.runs import digest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")]

ROOT = Path(__file__).resolve().parents[2]
DEEP = ("model={name: NestedUNet, deep_supervision: true, filters: [4, 4, 4, 4, 4]}", "loss.name=LovaszHingeLoss")
SGD = "optimizer={name: SGD, lr: 0.05, nesterov: true}"
COSINE = "scheduler={name: cosine}"
BF16, FP16 = "train.precision=bf16", "train.precision=fp16"
KINDS = {
    "UNet, one_cycle, AdamW, workers 2 then 0": ("workers",),  # the tiny configuration as it is
    "NestedUNet with deep supervision, cosine, SGD, workers 2 then 0": (
        *DEEP,
        SGD,
        "scheduler={name: cosine}",
        "workers",
    ),
    "UNet, bf16, plateau, AdamW": (BF16, "scheduler={name: plateau, patience: 0}"),
    "UNet, fp16, one_cycle, SGD": (FP16, SGD),
    "UNet, multi_step, SGD, two threads then one": (SGD, "scheduler={name: multi_step, milestones: [1, 2]}", "threads"),
    "NestedUNet, constant, Adam, crops": (
        *("model={name: NestedUNet, filters: [4, 4, 4]}", "scheduler={name: constant}"),
        *("optimizer={name: Adam, lr: 0.01}", "data.size=null", "data.crop=16", "data.crops_per_image=2"),
    ),
}


def command(config, outputs, name, *changes, **environment):
    """train.py as a user calls it; its ROOT is the repository, so that the run's name leads out of it."""
    script = (
        "import runpy, sys; from pathlib import Path; import train; "
        f"train.ROOT = Path({str(outputs)!r}); sys.argv[0] = 'train.py'; "
        "from system.errors import run_script; sys.exit(run_script(train.main))"
    )
    words = [sys.executable, "-c", script, "--config", str(config), f"name={name}", *changes]
    variables = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment
    return subprocess.Popen(
        words, env=variables, cwd=outputs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def stop_after_first_epoch(process):
    """Sends SIGTERM as soon as the first epoch is told; returns the exit code, −9 if it does not end."""
    for line in process.stdout:
        if line.startswith("epoch   1/"):
            time.sleep(0.02)  # into the next epoch
            process.send_signal(signal.SIGTERM)
            break
    try:
        process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    return process.returncode


def test_through_the_command_line(config, unstopped, tmp_path, trials, tell):
    def both(kind):
        changes = [change for change in KINDS[kind] if "=" in change]
        threads = {"OMP_NUM_THREADS": "2"} if "threads" in KINDS[kind] else {}
        run, whole = (tmp_path / "outputs" / f"{name}{list(KINDS).index(kind)}" for name in ("stopped", "whole"))
        if changes:
            finish(command(config, tmp_path, whole.name, *changes, **threads))
        expected = digest(whole) if changes else unstopped[0]
        workers = ["train.workers=2"] if "workers" in KINDS[kind] else []
        code = stop_after_first_epoch(command(config, tmp_path, run.name, *changes, *workers, "--resume", **threads))
        log = (run / "log.csv").read_text().splitlines()
        again = finish(command(config, tmp_path, run.name, *changes, "--resume"))
        return code == 143, len(log) < 6, "resume  after epoch" in again, digest(run) == expected

    chosen = list(KINDS)[: trials(1, len(KINDS))]
    with ThreadPoolExecutor(trials(1, 2)) as pool:
        found = dict(zip(chosen, pool.map(both, chosen), strict=True))
    equal = sum(result[-1] for result in found.values())
    tell("exact resume through the command line: " + "; ".join(chosen), len(found), f"{equal} equal digests")
    assert {kind: result for kind, result in found.items() if not all(result)} == {}


def test_surroundings_do_not_matter(config, launchers, unstopped, tmp_path, trials, tell):
    expected, _ = unstopped
    changed = launchers[0].trial(tmp_path / "reversed", config, reversed_folders=True)
    assert changed["code"] == 0, changed["output"]
    found = [digest(tmp_path / "reversed" / "outputs" / "tiny")]
    surroundings = {"TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE", "PYTHONHASHSEED": "7"}
    for number in range(trials(0, 2)):
        away = tmp_path / f"away {number} ü"
        away.mkdir()
        variables = surroundings if number == 0 else {"TZ": "America/Lima", "LC_ALL": "C", "PYTHONHASHSEED": "0"}
        finish(command(config, away, "tiny", **variables))
        found.append(digest(away / "outputs" / "tiny"))
    what = "other working directory, locale, time zone, hash seed, directory order"
    tell(what, len(found), f"{found.count(expected)} identical")
    assert set(found) == {expected}


def soak(config, launcher, folder, *, epochs, **options):
    """Megabytes by which a training of so many epochs of 12 steps grows, and the numbers of threads and descriptors."""
    changes = ["train.batch_size=1", "scheduler={name: constant}", f"train.epochs={epochs}"]
    changes += ["train.save_every_minutes=10"]
    answer = launcher.trial(folder, config, *changes, watch_resources=True, **options)
    assert answer["code"] == 0, answer["output"]
    settled = answer["resources"][epochs // 10 :]
    assert len(settled) > 0.85 * epochs
    grown = (settled[-1]["rss_kb"] - settled[0]["rss_kb"]) / 1024
    return grown, {key: sorted({one[key] for one in settled}) for key in ("threads", "descriptors")}


def test_soak(config, launchers, tmp_path, trials, tell):
    epochs = trials(12, 167)  # 2004 steps
    grown, constant = soak(config, launchers[0], tmp_path, epochs=epochs)
    tell("soak", 12 * epochs, f"memory grown by {grown:.1f} MB, threads and descriptors {constant}")
    assert grown < 20
    assert all(len(values) == 1 for values in constant.values())


def test_a_leak_is_seen(config, launchers, tmp_path):
    """The control of the soak."""
    grown, counts = soak(config, launchers[0], tmp_path, epochs=12, leak=2**21)
    assert grown > 20
    assert len(counts["descriptors"]) > 5
