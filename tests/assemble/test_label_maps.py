"""A training says that label maps are there from which it does not learn single cells."""

import shutil

import pytest
from conftest import write_set

import assemble
import train
from engine.schema.config_file import load_config

BESIDE = "the label maps beside the masks are not read; task=distance would learn single cells from them"
READ = "the label maps are read as masks; task=distance would learn single cells from them"


@pytest.fixture
def sentence(small_config, small_set, tmp_path):
    """Returns the sentence about label maps for a configuration with changes."""

    def about(*changes):
        config = load_config(small_config, changes)
        return assemble.about_label_maps(config, assemble.data_folder(config, tmp_path).samples)

    return about


def test_label_maps_beside_masks_and_instead_of_them(sentence, small_set):
    assert sentence() is None
    shutil.copytree(small_set / "masks" / "nucleus", small_set / "labels")
    assert sentence() == BESIDE
    assert sentence("data.truth=labels") == READ
    assert sentence("task=distance") is None
    assert sentence("data.truth=masks") is None  # this is what the user asks for
    shutil.rmtree(small_set / "masks")
    assert sentence() == READ
    assert sentence("task=border") is None


def test_an_image_without_a_label_map_is_enough_for_silence(sentence, small_set):
    shutil.copytree(small_set / "masks" / "nucleus", small_set / "labels")
    (small_set / "labels" / "cell_03.png").unlink()
    assert sentence() is None


def test_a_task_with_several_classes_gets_no_advice(sentence, small_set):
    write_set(small_set, classes=("a", "b"))
    shutil.move(small_set / "masks" / "nucleus", small_set / "labels")
    assert sentence("task=multilabel") is None


@pytest.mark.slow
def test_a_training_prints_it_once(small_config, small_set, run_main):
    shutil.copytree(small_set / "masks" / "nucleus", small_set / "labels")
    code, out, err = run_main(train, "--config", small_config, "train.workers=0")
    assert code == 0, err
    assert out.count(f"folder  {BESIDE}") == 1
