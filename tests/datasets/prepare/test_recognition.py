"""Whoever takes the wrong importer is told which one fits."""

from functools import partial

import pytest
from support.imported_sets import as_folder

from datasets.prepare.__main__ import IMPORTERS, main
from datasets.prepare.recognition import advice
from system.errors import run_script

SETS = {
    "dsb2018": ("x/ab12/images/ab12.png", "x/ab12/masks/1.png"),
    "stardist": ("train/images/a.tif", "train/masks/a.tif", "train/masks/b.tif"),
    "cellpose": ("train/000_img.png", "train/000_masks.png", "train/001_masks.png"),
    "coco": ("images/a.png", "annotations/a.json", "annotations/b.json"),
}
READY = ("images/a.png", "masks/cell/a.png", "dataset.yaml")


@pytest.mark.parametrize("right", SETS)
@pytest.mark.parametrize("wrong", SETS)
def test_the_right_importer_is_named_and_only_if_it_is_another_one(tmp_path, capsys, wrong, right):
    source = as_folder(tmp_path / "set", dict.fromkeys(SETS[right], b""))
    assert run_script(partial(main, [wrong, "--source", str(source), "--out", str(tmp_path / "out")])) == 3
    told = f"python -m datasets.prepare {right}" in capsys.readouterr().err
    assert told == (wrong != right)


def test_a_finished_data_folder_and_unknown_names():
    assert "python -m datasets.check" in advice(READY, "stardist")
    assert advice(["a.txt", "b/c.csv"], "stardist") == ""
    assert advice(SETS["cellpose"], "labels").endswith("prepare cellpose")


def test_a_json_file_is_for_coco(tmp_path, capsys):
    (tmp_path / "a.json").write_text("{}")
    source = ["--source", str(tmp_path / "a.json"), "--out", str(tmp_path / "out")]
    assert run_script(partial(main, ["cellpose", *source])) == 3
    assert "python -m datasets.prepare coco" in capsys.readouterr().err


@pytest.mark.parametrize("name", IMPORTERS)
def test_every_importer_has_its_own_help(capsys, name):
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    text = capsys.readouterr().out
    assert "--out" in text
    assert "--workers" in text
