"""The file of a table: its runs, its mistakes, and the shipped ones."""

from pathlib import Path

import pytest
import yaml

from benchmarks.table.columns import COLUMNS
from benchmarks.table.plan import all_runs, read_table
from engine.schema.config_file import load_config
from system.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent.parent.parent
SHIPPED = sorted((ROOT / "configs" / "tables").glob("*.yaml"))
GOOD = {
    "rows": [{"label": "A", "config": "a.yaml", "set": ["x=1"]}, {"label": "B+ c", "config": "b.yaml"}],
    "seeds": [1, 2],
}


def written(tmp_path, **changes):
    path = tmp_path / "t.yaml"
    path.write_text(yaml.safe_dump(GOOD | changes))
    return path


def test_runs(tmp_path):
    table = read_table(written(tmp_path, folds=3, fold=[0, 2], set=["y=2"]))
    runs = list(all_runs(table, name="t", root=Path("/r")))
    names = [f"t_{row}_s{seed}_f{fold}" for seed in (1, 2) for row in ("a", "bp_c") for fold in (0, 2)]
    assert [run.name for run in runs] == names
    assert runs[1].config == Path("/r/a.yaml")
    assert runs[1].overrides == ("y=2", "x=1", "seed=1", "data.folds=3", "data.fold=2", "name=t_a_s1_f2")
    without = list(all_runs(read_table(written(tmp_path)), name="t", root=Path("/r")))
    assert [run.name for run in without] == ["t_a_s1", "t_bp_c_s1", "t_a_s2", "t_bp_c_s2"]
    assert without[0].overrides == ("x=1", "seed=1", "name=t_a_s1")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rows": []}, "rows"),
        ({"rows": [{"label": "a", "config": "x"}, {"label": "A ", "config": "x"}]}, "must differ in them; see 'a'"),
        ({"rows": [{"label": "++", "config": "x"}]} | {"seeds": []}, "seeds"),
        ({"seeds": [1, 1]}, r"seeds: \[1, 1\] has one twice"),
        ({"fold": [0]}, "fold: needs folds, the number of them; set folds: 5, or leave fold out"),
        ({"folds": 2, "fold": [2]}, r"fold: \[2\]; allowed are different numbers from 0 to 1"),
        ({"set": ["seed=3"]}, "set: seed=3; name, seed, data.folds, data.fold are set by"),
        ({"columns": ["iuo"]}, "did you mean 'iou'"),
        ({"clumns": ["iou"]}, "clumns"),
        ({"part": "train"}, "'val' or 'test'"),
    ],
)
def test_mistakes(tmp_path, changes, told):
    with pytest.raises(ConfigError, match=told):
        read_table(written(tmp_path, **changes))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read"):
        read_table(tmp_path / "none.yaml")


def test_which_tables_are_shipped():
    assert [path.stem for path in SHIPPED] == ["demo", "dsb2018", "dsb2018_cores", "kinds", "screens", "widths"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_tables(path):
    table = read_table(path)
    assert f"python -m benchmarks.table configs/tables/{path.name}" in path.read_text(encoding="utf-8").split("\n\n")[0]
    seed = table.seeds[0]
    for run in all_runs(table.model_copy(update={"seeds": [seed], "fold": [0]}), name=path.stem, root=ROOT):
        config = load_config(run.config, run.overrides)
        assert (config.data.folds, config.seed) == (table.folds, seed)
        assert config.data.split == "grouped" or config.data.split_file  # no field of view is in two parts
    assert set(table.columns) <= set(COLUMNS)
