"""Resuming in this process: where a run may be stopped, what may change, what is refused."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
import torch
from faults.runs import digest
from support.stopping import stop_in
from torch import nn

import predict
import train
import val
from assemble import continued
from engine.distributed import ALONE
from engine.loops import evaluate
from engine.runs.checkpoint_file import load_checkpoint, save_checkpoint
from engine.runs.checkpoints import Checkpoints
from engine.schema.config_file import load_config
from engine.training import Training

pytestmark = pytest.mark.slow

EPOCHS = "train.epochs=3"


@pytest.fixture
def run(tmp_path):
    return tmp_path / "outputs" / "small"


@pytest.fixture
def whole(small_config, run_main, tmp_path):
    """The run that was never stopped."""
    assert run_main(train, "--config", small_config, "name=whole", EPOCHS)[0] == 0
    return tmp_path / "outputs" / "whole"


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("step", [1, 2, 3, 6])
def test_a_stop_in_any_step_changes_nothing(small_config, run_main, run, whole, monkeypatch, step, workers):
    stop_in(monkeypatch, "engine.training.Training.step", step)
    words = ["--config", small_config, EPOCHS, f"train.workers={workers}", "--resume"]  # it starts where nothing is
    code, _, err = run_main(train, *words)
    assert code == 143
    state = load_checkpoint(run / "last.pth")
    assert (state["epoch"], state["progress"]["steps"]) == ((step - 1) // 2, 2 - step % 2)
    assert f"stopped by SIGTERM after {2 - step % 2} steps of epoch {(step + 1) // 2}; saved in" in err
    monkeypatch.undo()
    code, out, _ = run_main(train, *words)
    assert code == 0
    assert "resume  after epoch" in out
    assert digest(run) == digest(whole)


@pytest.mark.usefixtures("two_threads")
def test_a_stop_in_the_validation_repeats_it(small_config, run_main, run, whole, monkeypatch):
    def stopped(model, loader, *arguments, on_logits, **keywords):
        def first_batch(logits):
            os.kill(os.getpid(), signal.SIGUSR1)
            on_logits(logits)

        return evaluate(model, loader, *arguments, on_logits=first_batch, **keywords)

    monkeypatch.setattr("engine.loops.evaluate", stopped)
    assert run_main(train, "--config", small_config, EPOCHS)[0] == 143
    assert load_checkpoint(run / "last.pth")["progress"]["steps"] == 2
    assert not (run / "log.csv").exists()
    monkeypatch.undo()
    assert run_main(train, "--config", small_config, EPOCHS, "--resume")[0] == 0
    assert digest(run) == digest(whole)


def test_a_checkpoint_every_few_minutes(small_config, run_main, run, monkeypatch):
    epochs_ended = []
    monkeypatch.setattr(Checkpoints, "save", lambda self, *, epoch_ended=False: epochs_ended.append(epoch_ended))
    run_main(train, "--config", small_config, "train.save_every_minutes=1e-9")
    assert epochs_ended == [False, False, False, True]  # the start, two steps, the epoch
    epochs_ended.clear()
    run_main(train, "--config", small_config, "name=b", "train.save_every_minutes=5")
    assert epochs_ended == [False, True]


def test_a_finished_run_is_left_as_it_is(small_config, run_main, whole):
    before = digest(whole)
    (whole / "log.csv").unlink()  # it follows from the checkpoint
    code, out, _ = run_main(train, "--config", small_config, "name=whole", EPOCHS, "--resume")
    assert code == 0
    assert "resume  after epoch 3" in out
    assert digest(whole) == before


def test_best_is_mended_after_a_stop_between_two_writes(small_config, run_main, whole, capsys):
    state = load_checkpoint(whole / "last.pth")
    best = max(state["history"], key=lambda row: row["val_iou"])["epoch"]
    words = ("--config", small_config, "name=whole", EPOCHS, "--resume")
    (whole / "best.pth").write_bytes(b"torn")
    for script in ((val, "--run", whole), (predict, "--run", whole, "--input", whole, "--out", whole / "out")):
        code, _, err = run_main(*script)
        assert code in (2, 3)
        assert "Traceback" not in err
    code, out, _ = run_main(train, *words)
    assert code == 0
    if best == 3:
        assert load_checkpoint(whole / "best.pth")["epoch"] == 3
    else:
        assert "best.pth: damaged (4 bytes without a valid seal), or not a checkpoint of a run" in out
        assert f"the weights of the best epoch so far, {best}, are lost" in out


@pytest.mark.parametrize("script", ["val", "predict"])
def test_a_damaged_best_ends_with_3_and_nothing_is_touched(small_config, run_main, whole, tmp_path, script):
    content = bytearray((whole / "best.pth").read_bytes())
    content[-3] ^= 1  # in the seal itself
    (whole / "best.pth").write_bytes(content)
    before = sorted(path.name for path in whole.iterdir())
    images = tmp_path / "inputs" / "small" / "images"
    words = (val,) if script == "val" else (predict, "--input", images, "--out", tmp_path / "out")
    code, _, err = run_main(*words, "--run", whole)
    assert code == 3
    assert "best.pth: damaged" in err
    assert sorted(path.name for path in whole.iterdir()) == before
    assert not (tmp_path / "out").exists()


def test_a_changed_configuration_is_refused_with_both_values(small_config, run_main, whole):
    before = {path.name: path.read_bytes() for path in whole.iterdir()}
    words = ("--config", small_config, "name=whole", "--resume")
    changes = ("train.epochs=2", "train.batch_size=5", "optimizer={name: SGD, lr: 0.5}")
    code, _, err = run_main(train, *words, *changes)
    assert code == 2
    for told in ("train.batch_size: 4 → 5", "train.epochs: 3 → 2", "optimizer.name: 'AdamW' → 'SGD'"):
        assert told in err
    assert "lr: 0.01 → 0.5" in err
    assert {path.name: path.read_bytes() for path in whole.iterdir()} == before
    assert run_main(train, *words, EPOCHS, "train.workers=1", "train.save_every_minutes=3")[0] == 0


def test_samples_on_the_device_are_resumed_within_an_epoch(small_config, run_main, run, tmp_path, monkeypatch):
    words = ("--config", small_config, EPOCHS)
    run_main(train, *words, "name=whole", "data.on_device=true")
    run_main(train, *words, "name=host")
    with monkeypatch.context() as patch:
        stop_in(patch, "engine.training.Training.step", 3)
        assert run_main(train, *words, "data.on_device=true")[0] == 143
    code, _, err = run_main(train, *words, "data.on_device=false", "--resume")
    assert code == 2
    assert "data.on_device: True → False" in err
    code, out, _ = run_main(train, *words, "--resume")  # auto, which would be false on this device
    assert code == 0
    assert "8 samples kept on cpu" in out
    assert digest(run) == digest(tmp_path / "outputs" / "whole")
    logs = [(tmp_path / "outputs" / name / "log.csv").read_bytes() for name in ("whole", "host")]
    assert logs[0] != logs[1]  # the same distribution, not the same draws


def test_auto_is_what_it_was_when_the_run_began(small_config, run_main, whole):
    state = load_checkpoint(whole / "last.pth")
    assert state["config"]["data"]["on_device"] is False
    config = load_config(small_config, ["name=whole", EPOCHS])
    assert config.data.on_device == "auto"
    assert continued(config, state, ALONE).data.on_device is False
    state["config"]["data"]["on_device"] = True
    assert continued(config, state, ALONE).data.on_device is True
    del state["config"]["data"]["on_device"]  # begun before there was the key
    assert continued(config, state, ALONE).data.on_device is False


def test_a_run_keeps_its_kernels(small_config, run_main, tmp_path, monkeypatch):
    words = ("--config", small_config, "data.size=48", "model.filters=[32,32]", "train.workers=0", "data.augment=false")
    begin = (*words, "name=run", "train.epochs=1")
    last = tmp_path / "outputs" / "run" / "last.pth"

    def log_after(*begun, change=lambda keys: None, capability="AVX512"):
        """The log of a run that began in one way and was resumed where PyTorch's kernels use something else."""
        monkeypatch.setattr("engine.device.cpu_capability", lambda: "AVX2")
        assert run_main(train, *begin, *begun, "--fresh")[0] == 0
        state = load_checkpoint(last)
        change(state["config"]["train"])
        save_checkpoint(last, state)
        monkeypatch.setattr("engine.device.cpu_capability", lambda: capability)
        code, _, err = run_main(train, *words, "name=run", "train.epochs=2", "--resume")
        assert code == 0, err
        return (last.parent / "log.csv").read_bytes(), load_checkpoint(last)["config"]["train"]

    def without_keys(keys):
        for name in ("layout", "weight_gradient"):
            keys.pop(name)
        (last.parent / "config.yaml").write_text(yaml_without("layout:", "weight_gradient:"))

    def yaml_without(*starts):
        lines = (last.parent / "config.yaml").read_text().splitlines(keepends=True)
        kept = [line for line in lines if not line.strip().startswith(starts)]
        assert len(kept) == len(lines) - len(starts)
        return "".join(kept)

    products, keys = log_after()
    assert (keys["layout"], keys["weight_gradient"]) == ("channels_last", "products")
    assert products == log_after(capability="AVX2")[0]
    direct, keys = log_after("train.weight_gradient=direct")
    assert (keys["layout"], keys["weight_gradient"]) == ("channels_last", "direct")
    older, keys = log_after("train.weight_gradient=direct", change=without_keys)
    assert (keys["layout"], keys["weight_gradient"]) == ("channels_last", "direct")
    assert older == direct != products
    contiguous, keys = log_after("train.layout=contiguous")
    assert (keys["layout"], keys["weight_gradient"]) == ("contiguous", "direct")
    assert contiguous not in (direct, products)
    code, _, err = run_main(train, *words, "name=run", "train.epochs=2", "train.layout=channels_last", "--resume")
    assert code == 2
    assert "train.layout: 'contiguous' → 'channels_last'" in err


@pytest.mark.parametrize("scheduler", ["constant", "cosine", "one_cycle", "plateau"])
def test_epochs_may_grow(small_config, run_main, tmp_path, scheduler):
    words = ("--config", small_config, f"scheduler={{name: {scheduler}}}")
    outputs = tmp_path / "outputs"
    run_main(train, *words, "name=long", "train.epochs=4")
    run_main(train, *words, "name=short", "train.epochs=2")
    code, out, _ = run_main(train, *words, "name=short", "train.epochs=4", "--resume")
    assert code == 0
    assert "epochs  2 → 4" in out
    long, short = (load_checkpoint(outputs / name / "last.pth") for name in ("long", "short"))
    if scheduler in ("constant", "plateau"):
        assert digest(outputs / "long") == digest(outputs / "short")
    else:  # its first epochs followed the shorter curve; the others follow that of four epochs, to the same rates
        assert "lr continues along the longer schedule's curve" in out
        rates = [[row["lr"] for row in state["history"]] for state in (long, short)]
        assert rates[0][2:] == pytest.approx(rates[1][2:], rel=1e-9)
        assert rates[0][1] != rates[1][1]


def test_changed_data_are_noticed(small_config, small_set, run_main, whole):
    path = small_set / "images" / "cell_03.png"
    path.write_bytes(path.read_bytes() + b"\0")
    code, _, err = run_main(train, "--config", small_config, "name=whole", "train.epochs=4", "--resume")
    assert code == 3
    assert "differ from those that the run began with" in err


@pytest.mark.skipif(sys.platform == "win32", reason="the kernel there has no such lock")
def test_the_folder_of_a_live_run_is_refused(small_config, run_main, whole):
    hold = "import sys; from pathlib import Path; from engine.runs.lock import FolderLock; "
    hold += "FolderLock(Path(sys.argv[1])).claim(); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, whole], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        for flag in ("--resume", "--fresh"):
            code, _, err = run_main(train, "--config", small_config, "name=whole", EPOCHS, flag)
            assert code == 7
            assert f"is in use by process {process.pid} on" in err
        process.stdin.close()
    assert whole.exists()
    assert run_main(train, "--config", small_config, "name=whole", EPOCHS, "--fresh")[0] == 0


def test_a_gradient_that_is_no_number_leaves_the_last_good_state(small_config, run_main, run, whole, monkeypatch):
    calls = []

    step = Training.step

    def poisoned(training, images, *others):
        calls.append(1)
        if len(calls) == 4:
            images = images * float("inf")
        return step(training, images, *others)

    monkeypatch.setattr(Training, "step", poisoned)
    code, _, err = run_main(train, "--config", small_config, EPOCHS)
    assert code == 4
    assert "in step 2 of epoch 2" in err
    bad = load_checkpoint(run / "diverged.pth")
    assert (bad["epoch"], bad["step"], len(bad["ids"])) == (2, 2, 4)
    assert all(name in err for name in bad["ids"])
    assert load_checkpoint(run / "last.pth")["epoch"] == 1
    monkeypatch.undo()  # what was wrong is mended: the run goes on as if nothing had been
    assert run_main(train, "--config", small_config, EPOCHS, "--resume")[0] == 0
    assert digest(run) == digest(whole)


def test_out_of_memory_ends_with_5(small_config, run_main, monkeypatch):
    def greedy(self, images):
        return torch.empty(2**60, dtype=torch.uint8)

    monkeypatch.setattr("models.unet.UNet.forward", greedy)
    code, _, err = run_main(train, "--config", small_config)
    assert code == 5
    assert "try train.accumulate=2" in err


@pytest.mark.parametrize("forgotten", [False, True])
def test_the_scale_of_a_float16_training_is_resumed_too(small_config, run_main, run, tmp_path, monkeypatch, forgotten):
    """The scale begins so high that it is still falling when the run is stopped. As a control, it is also forgotten."""
    monkeypatch.setattr("engine.loss_scaling.FIRST", 2.0**80)
    words = ["--config", small_config, EPOCHS, "train.precision=fp16", "optimizer={name: SGD, lr: 0.1}", "--resume"]
    run_main(train, *words, "name=whole")
    with monkeypatch.context() as patch:
        stop_in(patch, "engine.training.Training.step", 3)
        assert run_main(train, *words)[0] == 143
    whole = tmp_path / "outputs" / "whole"
    scales = [load_checkpoint(folder / "last.pth")["scaling"]["scale"] for folder in (run, whole)]
    assert 2.0**80 > scales[0] > scales[1]
    if forgotten:
        monkeypatch.setattr("engine.loss_scaling.DynamicLossScaling.load_state_dict", lambda self, state: None)
    assert run_main(train, *words)[0] == 0
    assert (digest(run) == digest(whole)) is not forgotten


def test_a_checkpoint_from_before_there_was_a_scale(small_config, run_main, run, whole, monkeypatch):
    with monkeypatch.context() as patch:
        stop_in(patch, "engine.training.Training.step", 3)
        assert run_main(train, "--config", small_config, EPOCHS)[0] == 143
    state = load_checkpoint(run / "last.pth")
    assert state.pop("scaling") is None
    del state["format"]
    save_checkpoint(run / "last.pth", state)
    assert run_main(train, "--config", small_config, EPOCHS, "--resume")[0] == 0
    assert digest(run) == digest(whole)


def test_a_networks_own_randomness_is_resumed_too(small_config, run_main, run, tmp_path, monkeypatch):
    from models.unet import UNet

    forward = UNet.forward
    monkeypatch.setattr(UNet, "forward", lambda self, x: nn.functional.dropout(forward(self, x), 0.3, self.training))
    run_main(train, "--config", small_config, "name=whole", EPOCHS)
    with monkeypatch.context() as patch:
        stop_in(patch, "engine.training.Training.step", 3)
        assert run_main(train, "--config", small_config, EPOCHS)[0] == 143
    assert run_main(train, "--config", small_config, EPOCHS, "train.workers=1", "--resume")[0] == 0
    assert digest(run) == digest(tmp_path / "outputs" / "whole")


def test_a_run_whose_first_save_never_came_is_started(small_config, run_main, whole, run):
    run.mkdir()
    shutil.copy(whole / "config.yaml", run)
    (run / ".last.pth.tmp77").write_bytes(b"half")
    assert run_main(train, "--config", small_config, EPOCHS)[0] == 2  # without a flag nothing is overwritten
    assert run_main(train, "--config", small_config, EPOCHS, "--resume")[0] == 0
    assert digest(run) == digest(whole)
    assert not (run / ".last.pth.tmp77").exists()
