"""The entry of the benchmarks: the form of its tables, on work that takes moments."""

import pytest
import torch
from conftest import small_config, small_set  # noqa: F401 fixtures

import train
from benchmarks.speed import infer, peak, run, tile
from benchmarks.speed import train as train_benchmark
from benchmarks.speed.limits import Limits
from benchmarks.speed.rows import HEADER

pytestmark = pytest.mark.slow


@pytest.fixture
def small(monkeypatch):
    """Replaces the networks of full width by networks of a few channels, and all measured peaks by fixed numbers."""
    narrow = (4, 4, 8, 8, 8)
    build, plain = infer.build_model, infer.PlainNet
    for module in (infer, train_benchmark):
        monkeypatch.setattr(module, "PlainNet", lambda name: plain(name, filters=narrow))
    monkeypatch.setattr(infer, "build_model", lambda name, **more: build(name, filters=narrow, **more))
    monkeypatch.setattr("benchmarks.step.build_model", lambda name: build(name, filters=narrow))
    monkeypatch.setattr(train_benchmark, "other_networks", dict)
    monkeypatch.setattr(train_benchmark, "peak_of", lambda *path, **more: {"peak": 1.0, "faults": 2})
    alone = {"ours": {"memory": 1.0, "seconds": 2.0}, "monai": {"memory": 20.0, "seconds": 4.0}}
    monkeypatch.setattr(tile, "run_alone", lambda module, path, side: alone[path])
    monkeypatch.setattr("benchmarks.speed.limits.measure_limits", lambda *where: Limits(convolution=1e11, copy=1e10))
    monkeypatch.setattr(tile, "find_spec", lambda name: True)


def cells_of(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_all_writes_the_rows_of_every_work(small, run_main, tmp_path):
    code, out, err = run_main(run, "all", "--batch", 2, "--size", 32, "--rounds", 2, "--out", tmp_path / "table.md")
    assert code == 0, err
    header, rule, *table = cells_of(out)
    assert header == list(HEADER)
    assert set(rule) == {"---"}
    # eight of training, five of inference, two of the loss, two of data, two of tiling
    assert len(table) == 19
    assert sum("channels_last" in cells[0] or "contiguous" in cells[0] for cells in table) >= 8
    assert all(len(cells) == len(HEADER) for cells in table)
    timed = [cells for cells in table if cells[3].endswith(" ms")]
    assert all(float(cells[2].split()[0]) > 0 for cells in timed)
    assert "convolution" in out
    assert (tmp_path / "table.md").read_text() == out


def test_bf16_and_a_batch_that_is_there_already(small, run_main):
    code, out, err = run_main(
        run, "train", "--no-data", "--precision", "bf16", "--batch", 2, "--size", 32, "--rounds", 1
    )
    assert code == 0, err
    assert "bf16, without data" in cells_of(out)[2][0]


@pytest.mark.usefixtures("small_set")
def test_prune_prints_depths_of_a_real_run(small_config, run_main, monkeypatch, tmp_path):  # noqa: F811
    change = ["model={name: NestedUNet, filters: [4, 4, 8], deep_supervision: true}"]
    code, _, err = run_main(train, "--config", small_config, *change)
    assert code == 0, err
    monkeypatch.setattr("benchmarks.speed.prune.ROOT", tmp_path)
    options = ["--run", tmp_path / "outputs" / "small", "--size", 32, "--batch", 1, "--rounds", 2]
    code, out, err = run_main(run, "prune", *options)
    assert code == 0, err
    header, _, *table = cells_of(out)
    assert header == ["depth", "parameters", "GFLOP", "ms", "IoU"]
    assert [cells[0] for cells in table] == ["1", "2"]
    first, second = (int(cells[1].replace(",", "")) for cells in table)
    assert first < second
    assert all(0 <= float(cells[4]) <= 1 for cells in table)


def test_wrong_use_is_refused(run_main):
    code, _, err = run_main(run, "prune")
    assert (code, "needs --run" in err) == (2, True)
    code, _, err = run_main(run, "train", "--size", 33)
    assert (code, "multiple of 32" in err) == (2, True)


def test_a_step_alone_in_its_process():
    found = peak.peak_of("ours", "UNet", "fp32", batch=2, size=32)
    weights = 7_852_545 * 4 / 2**20
    assert found["peak"] > 4 * weights  # AdamW: weights, gradients, two moments
    assert found["peak"] < 40 * weights


def test_compiled_is_the_same_function():
    torch.manual_seed(0)
    model = infer.fold_batch_norm(infer.build_model("UNet", filters=(4, 4, 8))).eval()
    image = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        traced = torch.compile(model, backend="eager", fullgraph=True)
        torch.testing.assert_close(traced(image), model(image))
