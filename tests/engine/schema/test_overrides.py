"""Slips on the command line: what a word was probably meant to be, and no problems that only follow from it."""

import pytest
from support.config_files import GOOD, complaint

import train
from engine.schema.config import Config
from engine.schema.config_file import load_config
from engine.schema.overrides import all_keys, key_like, meant
from system.errors import ConfigError


def complaint_of_words(*words):
    with pytest.raises(ConfigError) as caught:
        load_config(None, words, fill=lambda content: pytest.fail("nothing is measured before all words are right"))
    return str(caught.value)


def test_a_space_for_the_equals_sign_is_one_problem():
    message = complaint_of_words("data.root=inputs/x", "train.epochs", "3")
    assert "1 problem\n  'train.epochs 3': did you mean train.epochs=3? an override has the form" in message
    assert complaint_of_words("data.root=x", "epochs", "3").count("did you mean train.epochs=3?") == 1


def test_wrong_values_are_listed_beside_a_malformed_word():
    message = complaint_of_words("data.root=x", "train.epochs", "3", "train.ema=ten", "seed=[")
    assert "3 problems" in message
    assert all(text in message for text in ("train.epochs=3?", "train.ema (command line)", "seed=["))


def test_only_what_nothing_fills_in_is_missing():
    assert "1 problem\n  data.root: is required" in complaint_of_words("train.epochs=3")
    message = complaint_of_words("data=inputs/x")
    assert "1 problem\n  data (command line): got 'inputs/x' (text)" in message
    assert message.endswith("did you mean data.root=inputs/x?")
    with pytest.raises(ConfigError, match="loss: is required and not given"):
        load_config(None, ["data.root=x"])  # negative control: nothing fills it in


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("epochs=3", "train.epochs"),
        ("epoch=3", "train.epochs"),
        ("root=x", "data.root"),
        ("train.lr=1", "optimizer.lr"),
    ],
)
def test_a_key_without_its_section_or_in_another(tmp_path, override, key):
    assert f"unknown key; did you mean '{key}'? allowed: " in complaint(tmp_path, GOOD, override)


def test_a_word_that_resembles_nothing_gets_no_suggestion(tmp_path):
    assert "did you mean" not in complaint(tmp_path, GOOD, "nonsense")
    assert "did you mean" not in complaint(tmp_path, GOOD, "train.=3")
    assert meant("--fast") is None
    assert meant("--fast", "3") is None


def test_folders_and_configurations(tmp_path):
    (tmp_path / "images").mkdir()
    assert f"did you mean data.root={tmp_path}?" in complaint_of_words(str(tmp_path))
    assert "did you mean --config a/b.yaml?" in complaint_of_words("data.root=x", "a/b.yaml")
    with pytest.raises(ConfigError, match=f"a data folder is no configuration; did you mean data.root={tmp_path}"):
        load_config(tmp_path)


def test_every_key_is_known_and_its_last_name_finds_it():
    keys = all_keys()
    assert {"seed", "data.root", "loss.gamma", "optimizer.betas", "scheduler.milestones"} <= set(keys)
    assert {key.partition(".")[0] for key in keys} == set(Config.model_fields)
    assert all(key_like(key) == key for key in keys)
    assert all(key_like(key.rpartition(".")[2]) == key for key in keys if not key.endswith(".name"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--data", "inputs/x"], "unrecognized arguments: --data; did you mean data.root=inputs/x?"),
        (["--data=inputs/x"], "did you mean data.root=inputs/x?"),
        (["data.root=x", "--batch-size", "4", "--resume"], "did you mean train.batch_size=4?"),
        (["data.root=x", "--epochs", "--resume"], "did you mean train.epochs=…?"),
        (["data.root=x", "--fast"], "unrecognized arguments: --fast\n"),
    ],
)
def test_unknown_options_of_the_script(run_main, words, told):
    code, _, err = run_main(train, *words)
    assert code == 2
    assert told in err
