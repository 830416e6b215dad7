"""What train.py, val.py and predict.py refuse: the exit code, the words, and no run that is left over."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import write_set

import train
import val


def without_mask(root):
    (root / "masks" / "nucleus" / "cell_04.png").unlink()


def unreadable(root):
    (root / "images" / "cell_04.png").write_bytes(b"GIF89a")


def other_size(root):
    cv2.imwrite(str(root / "masks" / "nucleus" / "cell_04.png"), np.zeros((8, 9), np.uint8))


def empty(root):
    for path in (root / "images").iterdir():
        path.unlink()


def one_image(root):
    for path in [*(root / "images").glob("*0[1-9].png"), *(root / "masks" / "nucleus").glob("*0[1-9].png")]:
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (without_mask, "cell_04.png: no mask"),
        (unreadable, "cell_04.png: not a readable image (6 bytes)"),
        (other_size, "cell_04.png: 8×9 pixels, but"),
        (empty, "no images"),
        (one_image, "no training images would be left"),
        (lambda root: root.rename(root.with_name("gone")), "no such folder"),
    ],
)
def test_data_that_cannot_be_used_ends_with_3_and_leaves_no_run(small_config, small_set, run_main, damage, told):
    damage(small_set)
    code, _, err = run_main(train, "--config", small_config)
    assert code == 3
    assert told in err
    assert "Traceback" not in err
    assert not (Path(small_config).parent / "outputs").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--config", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["--config", "{config}", "train.epoch=3"], "did you mean 'epochs'?"),
        (["--config", "{config}", "loss.name=Lovasz"], "did you mean 'LovaszHingeLoss'?"),
        (["--config", "{config}", "train.epochs=many"], "expected a whole number"),
        (["--config", "{config}", "train.device=cuda"], "sees no CUDA device"),
        ([], "--config"),
    ],
)
def test_wrong_usage_ends_with_2(small_config, run_main, arguments, told):
    code, _, err = run_main(train, *(argument.format(config=small_config) for argument in arguments))
    assert code == 2
    assert told in err


def test_a_run_that_is_none_ends_with_3(run_main, tmp_path):
    code, _, err = run_main(val, "--run", tmp_path / "none")
    assert code == 3
    assert "no such run folder" in err


def test_the_debug_flag_shows_the_traceback(small_config, run_main):
    with pytest.raises(Exception, match="did you mean"):
        run_main(train, "--config", small_config, "train.epoch=3", "--debug")


def test_class_weights_of_the_wrong_length_end_with_2_and_leave_no_run(small_config, run_main, tmp_path):
    write_set(tmp_path / "two", classes=("nucleus", "membrane"))
    changes = [f"data.root={tmp_path / 'two'}", "task=multilabel", "loss={name: DiceLoss, weight: [1, 2, 3]}"]
    code, _, err = run_main(train, "--config", small_config, *changes)
    assert code == 2
    assert "with task multilabel: weight has 3 numbers and the network has 2 channels; give one number per" in err
    assert not (tmp_path / "outputs").exists()


def test_samples_that_do_not_fit_on_the_device_end_with_2_and_leave_no_run(
    small_config, run_main, tmp_path, monkeypatch
):
    monkeypatch.setattr("datasets.loading.device_samples.free_memory", lambda: 1000)
    code, _, err = run_main(train, "--config", small_config, "data.on_device=true")
    assert code == 2
    assert "cpu has room for 0 MiB; free some" in err
    assert not (tmp_path / "outputs").exists()


def test_a_used_run_folder_is_refused_unless_fresh(small_config, run_main, tmp_path):
    run_main(train, "--config", small_config)
    before = (tmp_path / "outputs" / "small" / "log.csv").read_bytes()
    code, _, err = run_main(train, "--config", small_config, "seed=2")
    assert code == 2
    assert "holds a run already; --resume goes on with it, --fresh moves it aside" in err
    assert (tmp_path / "outputs" / "small" / "log.csv").read_bytes() == before
    assert run_main(train, "--config", small_config, "seed=2", "--fresh")[0] == 0
    assert (tmp_path / "outputs" / "small.1" / "log.csv").read_bytes() == before
    assert (tmp_path / "outputs" / "small" / "log.csv").read_bytes() != before
