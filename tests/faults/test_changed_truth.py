"""A training does not go on with other classes, another palette or another void value, although no file has changed."""

import cv2
import numpy as np
import pytest
import torch

import train
from engine.runs.checkpoint_file import save_checkpoint

pytestmark = pytest.mark.slow
BEGUN = "classes: [background, rim, core]\npalette: [0, 100, 200]\nvoid: 9\n"
CHANGED = {
    "order": (BEGUN.replace("rim, core", "core, rim"), "classes: background, rim, core → background, core, rim"),
    "palette": (BEGUN.replace("100, 200", "200, 100"), "palette: [0, 100, 200] → [0, 200, 100]"),
    "void": (BEGUN.replace("void: 9", "void: 200").replace("100, 200", "100, 9"), "void: 9 → 200"),
    "void as a class": (
        "classes: [background, rim, core, void]\npalette: [0, 100, 200, 9]\n",
        "classes: background, rim, core → background, rim, core, void",
    ),
}


@pytest.fixture
def class_maps(small_set):
    """`small_set` with class maps of three classes and void in place of its masks; returns its dataset.yaml."""
    for path in (small_set / "masks" / "nucleus").iterdir():
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0
        core = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        values = np.where(core, 200, np.where(mask, 100, 0)).astype(np.uint8)
        values[0] = 9
        assert cv2.imwrite(str(small_set / "masks" / path.name), values)
        path.unlink()
    (small_set / "masks" / "nucleus").rmdir()
    (small_set / "dataset.yaml").write_text(BEGUN)
    return small_set / "dataset.yaml"


@pytest.fixture
def words(run_main, small_config, class_maps):
    """Trains an epoch, and returns the arguments that would train a second."""
    words = ("--config", small_config, "task=multiclass", "loss={name: CrossEntropyLoss}")
    assert run_main(train, *words)[0] == 0
    return *words, "train.epochs=2", "--resume"


@pytest.mark.parametrize("change", CHANGED)
def test_a_resume_with_another_truth_is_refused_with_both_values(run_main, words, class_maps, tmp_path, change):
    text, told = CHANGED[change]
    run = tmp_path / "outputs" / "small"
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    class_maps.write_text(text)
    code, _, err = run_main(train, *words)
    assert code == 3, err
    assert told in err
    assert "dataset.yaml" in err
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_notes_may_change(run_main, words, class_maps):
    class_maps.write_text(BEGUN + "notes: drawn by hand\n")
    code, out, _ = run_main(train, *words)
    assert code == 0
    assert "resume  after epoch 1" in out


def test_of_older_checkpoints_the_classes_are_compared(run_main, words, class_maps, tmp_path):
    last = tmp_path / "outputs" / "small" / "last.pth"
    state = torch.load(last, weights_only=True)
    del state["truth"]
    save_checkpoint(last, state)
    class_maps.write_text(CHANGED["order"][0])
    code, _, err = run_main(train, *words)
    assert (code, CHANGED["order"][1] in err) == (3, True)
    class_maps.write_text(BEGUN)
    assert run_main(train, *words)[0] == 0
