"""A configuration that names only its data folder: from files to cells in two commands."""

import shutil

import yaml

import predict
import train
import val
from datasets.prepare.synthetic import write_synthetic

NARROW = "model={name: UNet, filters: [4, 8]}"  # for speed
SHORT = "train.epochs=1"


def test_the_data_folder_alone_trains_and_its_choices_are_written(run_main, tmp_path):
    root = tmp_path / "inputs" / "my images"
    write_synthetic(root, images=5, size=96)
    code, out, err = run_main(train, f"data.root={root}", SHORT, NARROW)
    assert code == 0, err
    assert "choose  task: distance, because there are label maps\n" in out
    run = tmp_path / "outputs" / "my_images"
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    assert (config["task"], config["data"]["crops_per_image"], config["loss"]["name"]) == (
        "distance",
        40,
        "BCEDiceLoss",
    )
    code, out, _ = run_main(train, f"data.root={root}", "train.epochs=2", NARROW, "--resume")
    assert code == 0
    assert "choose" not in out
    assert run_main(val, "--run", run)[0] == 0
    code, _, err = run_main(predict, "--run", run, "--input", root / "images", "--out", tmp_path / "out")
    assert (code, len(list((tmp_path / "out" / "labels").iterdir()))) == (0, 5), err


def test_a_resume_does_not_choose_anew_when_images_were_added(run_main, tmp_path):
    root = tmp_path / "inputs" / "mine"
    write_synthetic(root, images=5, size=96)
    assert run_main(train, f"data.root={root}", SHORT, NARROW)[0] == 0
    for folder in ("images", "masks/nucleus", "labels"):
        shutil.copy(root / folder / "synthetic_000.png", root / folder / "another.png")
    code, out, err = run_main(train, f"data.root={root}", "train.epochs=2", NARROW, "--resume")
    assert (code, "choose  " in out) == (3, False), out + err
    assert "inputs/mine: names, sizes or the split of its files differ" in err


def test_a_folder_that_cannot_be_used_is_named_before_anything_is_written(run_main, tmp_path):
    code, out, err = run_main(train, "data.root=inputs/none")
    assert (code, out) == (3, "")
    assert "inputs/none: no such folder" in err
    assert not (tmp_path / "outputs").exists()


def test_neither_a_file_nor_an_override_is_a_usage_error(run_main):
    code, _, err = run_main(train)
    assert code == 2
    assert "give --config FILE, or data.root=FOLDER" in err
