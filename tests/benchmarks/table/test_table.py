"""A whole table: killed, resumed, not repeated, and compared."""

import re

import pytest
import yaml
from conftest import small_config, small_set  # noqa: F401 fixtures
from support.table_command import command

import val
from benchmarks.scores.compare import comparison
from benchmarks.table import scoring
from benchmarks.table.__main__ import table_of
from benchmarks.table.plan import all_runs, read_table
from benchmarks.table.running import TrainingFailed, is_finished
from system.errors import ConfigError


@pytest.fixture
def table(tmp_path, small_config):  # noqa: F811
    path = tmp_path / "tiny.yaml"
    row = {"label": "small", "config": small_config.name, "set": ["train.epochs=2"]}
    path.write_text(yaml.safe_dump({"rows": [row], "seeds": [1, 2], "folds": 2, "columns": ["iou", "ap_50"]}))
    return path


@pytest.mark.slow
def test_a_table_is_killed_resumed_and_never_repeated(table, tmp_path, monkeypatch):
    monkeypatch.setattr(val, "ROOT", tmp_path)
    monkeypatch.setattr(scoring, "_found", {})
    outputs = tmp_path / "outputs"
    runs = list(all_runs(read_table(table), name="tiny", root=tmp_path))
    with pytest.raises(TrainingFailed, match=r"tiny_small_s1_f0: train\.py ended with exit code -9"):
        table_of(table, root=tmp_path, command=command(tmp_path, kill=True))
    assert [run.name for run in runs if (outputs / run.name).exists()] == ["tiny_small_s1_f0"]
    assert not is_finished(runs[0], outputs / runs[0].name)

    text = table_of(table, root=tmp_path, command=command(tmp_path), processes=2)
    assert all(is_finished(run, outputs / run.name) for run in runs)
    assert "resume  after epoch 1" in (outputs / "tiny_small_s1_f0.txt").read_text()
    assert "resume  after" not in (outputs / "tiny_small_s2_f1.txt").read_text()
    number = r"0\.\d{3} ± 0\.\d{3} \(0\.\d{3} to 0\.\d{3}\)"
    assert re.search(rf"^\| small \| {number} \| – \| 2 \| 10 \|", text, re.MULTILINE)  # ten images, no label maps
    assert "seeds [1, 2], folds [0, 1] of 2" in text

    calls = []
    monkeypatch.setattr(val, "validate", lambda *a, **k: calls.append(a))
    assert table_of(table, root=tmp_path, command=["no such command"]) == text
    assert calls == []

    sides = [[outputs / f"tiny_small_s{seed}_f{fold}" for fold in (0, 1)] for seed in (1, 2)]
    compared = comparison(*sides, part="val", columns=None, root=tmp_path)
    assert "| IoU |" in compared
    assert "AP" not in compared
    assert "left out" not in compared
    with pytest.raises(ConfigError, match="ap_50 needs the scores of cells"):
        comparison(*sides, part="val", columns=["ap_50"], root=tmp_path)

    (outputs / "tiny_small_s1_f0" / "best.pth").write_bytes((outputs / "tiny_small_s2_f0" / "best.pth").read_bytes())
    comparison(*sides, part="val", columns=["iou"], root=tmp_path)
    assert len(calls) == 1  # other weights are scored anew
    content = yaml.safe_load(table.read_text())
    content["rows"][0]["set"] = ["train.epochs=2", "optimizer.lr=0.5"]
    table.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=r"optimizer\.lr: 0\.01 → 0\.5"):
        table_of(table, root=tmp_path, command=["no such command"])
