"""What a configuration leaves out is chosen by the data; what it gives stays."""

import dataclasses

import pytest

import tasks
from datasets.facts import DataFacts
from engine.schema.config import Config
from engine.schema.defaults import BATCH, completed, continued, left_out, problems_of_given
from tasks import TaskEntry

LABELS = DataFacts(40, "labels", "labels", 1, 256.0, 96, "8 median diameters of cell")
GIVEN = {"name": "x", "data": {"root": "inputs/x"}}


def facts(**changes):
    return dataclasses.replace(LABELS, **changes)


def complete(given=GIVEN, data=LABELS):
    return Config.model_validate(completed(given, data)[0])


def test_the_data_folder_alone_is_enough():
    content, lines = completed(GIVEN, LABELS)
    config = Config.model_validate(content)
    assert (config.task, config.data.crop, config.data.intensity, config.train.batch_size) == (
        "distance",
        96,
        "image",
        BATCH,
    )
    for told in ("task: distance, because there are label maps", "data.crop: 96, 8 median diameters", "train.epochs"):
        assert any(told in line for line in lines), told
    assert left_out(content) == []
    assert completed(content, facts(images=9999)) == (content, [])  # nothing is left to choose
    assert GIVEN == {"name": "x", "data": {"root": "inputs/x"}}


@pytest.mark.parametrize(
    ("found", "task"),
    [
        ({}, "distance"),
        ({"truth": "masks", "folder": "masks"}, "binary"),
        ({"truth": "classes", "folder": "masks"}, "binary"),
        ({"truth": "classes", "folder": "masks", "classes": 2}, "multiclass"),
        ({"truth": "masks", "folder": "masks", "classes": 2}, "multilabel"),
        ({"truth": "labels", "folder": "masks", "classes": 2}, "multilabel"),
    ],
)
def test_the_task_follows_from_the_truth_and_has_a_loss_that_fits(found, task):
    assert complete(data=facts(**found)).task == task


def test_a_new_task_is_chosen_by_its_line_in_the_table(monkeypatch):
    table = {
        "cells": TaskEntry("mask", "", ("distance",), instances=True),
        "later": TaskEntry("mask", "", ("border",), instances=True),
        "plain": TaskEntry("mask", ""),
        "layers": TaskEntry("indices", ""),
        "overlapping": TaskEntry("masks", ""),
    }
    monkeypatch.setattr(tasks, "TASKS", table)
    kinds = [("labels", 1), ("masks", 1), ("classes", 1), ("classes", 2), ("masks", 2), ("labels", 2)]
    found = [completed(GIVEN, facts(truth=truth, classes=classes))[0]["task"] for truth, classes in kinds]
    assert found == ["cells", "plain", "plain", "layers", "overlapping", "overlapping"]


def test_weights_of_a_folder_bring_their_network():
    begun = {"model": {"name": "UNet", "filters": [4, 6], "encoder": "resnet18", "weights": "inputs/older.pth"}}
    given = GIVEN | {"model": {"weights": "pretrained/nuclei"}}
    content, lines = completed(given, LABELS, begun)
    expected = {"name": "UNet", "filters": [4, 6], "encoder": "resnet18", "weights": "pretrained/nuclei"}
    assert content["model"] == expected
    assert "model: UNet, filters: [4, 6], that of pretrained/nuclei" in lines
    Config.model_validate(content)
    own = GIVEN | {"model": {"weights": "pretrained/nuclei", "name": "NestedUNet"}}
    assert completed(own, LABELS, begun)[0]["model"] == own["model"]  # what is given stays, and the weights may not fit
    assert completed(given, LABELS)[0]["model"] == given["model"]  # a file says nothing of its network
    assert "model" in left_out(given)
    assert "model" not in left_out(own)


@pytest.mark.parametrize("images", [2, 5, 40, 199, 200, 664, 5000, 10**6])
def test_an_epoch_has_windows_enough_and_a_training_steps_enough(images):
    config = complete(data=facts(images=images))
    windows = config.data.crops_per_image * int(0.8 * images)
    assert windows >= min(160, 64 * int(0.8 * images))
    assert config.data.crops_per_image == 1 or windows < 160 + int(0.8 * images)
    assert 10 <= config.train.epochs <= 30
    steps = config.train.epochs * windows / config.train.batch_size
    assert steps >= 400 or images < 3
    assert (config.model.filters[0], config.optimizer.lr) == ((8, 3e-3) if images < 200 else (16, 2e-3))
    assert config.best == ("val_iou" if images < 200 else "val_ap_50")  # of the task distance


@pytest.mark.parametrize(
    ("crop", "side", "expected"), [(96, 256.0, ("crop", 96)), (None, 60.0, ("size", 64)), (None, 9.0, ("size", 32))]
)
def test_small_images_are_resized_and_others_cropped(crop, side, expected):
    config = complete(data=facts(crop=crop, short_side=side, crop_reason="half of the images …; use data.size"))
    assert getattr(config.data, expected[0]) == expected[1]
    assert config.data.crops_per_image == (6 - 1 if expected[0] == "crop" else 1)  # 32 · 5 = 160


@pytest.mark.parametrize(
    "given",
    [
        {"task": "binary"},
        {"loss": {"name": "LovaszHingeLoss"}},
        {"model": {"name": "NestedUNet", "filters": [4, 8]}},
        {"optimizer": {"name": "SGD", "lr": 0.5}},
        {"scheduler": {"name": "constant"}},
        {"train": {"epochs": 3, "batch_size": 2}},
        {"train": {"batch_size": 4}},
        {"train": {"best": "val_ap_50"}},
        {"data": {"root": "a", "size": 64}},
        {"data": {"root": "a", "crop": 64, "crops_per_image": 3}},
        {"data": {"root": "a", "intensity": "native"}},
        {"seed": 3},
    ],
)
def test_what_is_given_stays(given):
    found = complete(GIVEN | given).model_dump()
    for section, value in given.items():
        if isinstance(value, dict):
            assert {key: found[section][key] for key in value} == value
        else:
            assert found[section] == value


def test_only_what_goes_together_is_chosen_together():
    config = complete(GIVEN | {"data": {"root": "a", "size": 64}, "train": {"epochs": 3}})
    assert (config.data.intensity, config.train.batch_size, config.best) == ("native", BATCH, "val_iou")
    whole, _ = completed(GIVEN, LABELS)
    for left in ("task", "model"):  # a file that gives all the rest keeps the defaults of the schema
        content = {key: value for key, value in whole.items() if key != left} | {"train": {"epochs": 3}}
        config = complete(content)
        assert (config.train.batch_size, config.best) == (16, "val_ap_50")


SMALL_UNET = {"name": "UNet", "filters": [8, 16, 32, 64, 128]}


@pytest.mark.parametrize(
    ("section", "given", "expected", "line"),
    [
        ("optimizer", {"lr": 1e-3}, {"name": "AdamW", "lr": 1e-3}, "optimizer.name: AdamW"),
        (
            "optimizer",
            {"weight_decay": 0.1},
            {"name": "AdamW", "lr": 3e-3},
            "optimizer.name: AdamW, optimizer.lr: 0.003",
        ),
        ("optimizer", {"name": "AdamW"}, {"lr": 3e-3}, "optimizer.lr: 0.003"),
        ("optimizer", {"name": "SGD", "lr": 0.1}, {"momentum": 0.9}, None),
        ("scheduler", {"warmup_fraction": 0.1}, {"name": "one_cycle"}, "scheduler.name: one_cycle"),
        ("scheduler", {"name": "cosine"}, {"min_lr": 0.0}, None),
        ("loss", {"smooth": 1.0}, {"name": "BCEDiceLoss"}, "loss.name: BCEDiceLoss"),
        ("model", {"norm": "group"}, SMALL_UNET, "model: UNet, filters: [8, 16, 32, 64, 128], for 40 images"),
        ("model", {"filters": [4, 6]}, {"name": "UNet"}, "model: UNet, for 40 images"),
        (
            "model",
            {"name": "NestedUNet"},
            {"filters": [8, 16, 32, 64, 128]},
            "model: filters: [8, 16, 32, 64, 128], for 4",
        ),
    ],
)
def test_a_section_that_is_given_in_part_is_completed(section, given, expected, line):
    assert problems_of_given(GIVEN | {section: given}) is None
    content, lines = completed(GIVEN | {section: given}, LABELS)
    found = Config.model_validate(content).model_dump()
    expected = given | expected
    assert {key: found[section][key] for key in expected} == expected
    assert [one for one in lines if one.startswith(section)] == [one for one in lines if line and one.startswith(line)]
    assert line is None or any(one.startswith(line) for one in lines)
    assert (found["train"]["batch_size"], found["train"]["best"]) == (BATCH, "val_iou")
    assert {"train.batch_size: 8, train.best: val_iou", "train.epochs: 20"} <= set(lines)


def test_no_key_of_another_optimiser_is_mixed_in():
    assert "optimizer.SGD.lr" in str(problems_of_given(GIVEN | {"optimizer": {"name": "SGD"}}))


def test_a_file_that_gives_all_but_the_task_keeps_its_network():
    given, _ = completed(GIVEN, LABELS)
    given = {key: value for key, value in given.items() if key != "task"} | {"model": {"norm": "group"}}
    assert completed(given, LABELS)[0]["model"] == {"norm": "group"}


def test_weights_complete_a_network_that_is_given_in_part():
    begun = {"model": {"name": "UNet", "filters": [4, 6], "norm": "batch"}}
    for given, more, line in (
        ({"filters": [8, 9]}, {"name": "UNet"}, "model: UNet, that of runs/a"),
        ({"norm": "group"}, {"name": "UNet", "filters": [4, 6]}, "model: UNet, filters: [4, 6], that of runs/a"),
        ({"name": "UNet"}, {"filters": [4, 6]}, "model: filters: [4, 6], that of runs/a"),
    ):
        given = {"weights": "runs/a"} | given
        content, lines = completed(GIVEN | {"model": given}, LABELS, begun)
        assert content["model"] == {"norm": "batch"} | given | more
        assert line in lines


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"data": {}}, "root"),
        ({"data": {"root": "a", "sise": 3}}, "sise"),
        ({"loss": {"name": "DiceLos"}}, "loss"),
        ({"train": {"epochs": 0}}, "epochs"),
        ({"train": 5}, "train"),
        ({"data": None}, "data"),
        ({"task": "none"}, "task"),
        ({"task": "multiclass", "loss": {"name": "BCEDiceLoss"}}, "multiclass"),
    ],
)
def test_the_given_keys_are_checked_before_anything_is_measured(given, told):
    assert told in str(problems_of_given(GIVEN | given))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"loss": {"name": "MultiClassDiceLoss"}},  # right for some data
        {"decode": {"method": "distance"}},
        {"decode": {"method": "border"}},
        {"train": {"best": "val_ap"}},
    ],
)
def test_keys_that_are_right_for_some_data_pass(given):
    assert problems_of_given(GIVEN | given) is None


def test_a_resumed_run_keeps_its_choices():
    begun = complete(data=facts(images=40)).model_dump()
    content = continued({"name": "x", "data": {"root": "inputs/x"}, "train": {"epochs": 50}}, begun)
    assert Config.model_validate(content).model_dump() == begun | {"train": begun["train"] | {"epochs": 50}}


@pytest.mark.parametrize(
    "given",
    [
        {"model": {"weights": "pretrained/nuclei"}},
        {"model": {"norm": "group"}},
        {"loss": {"smooth": 1.0}},
        {"optimizer": {"weight_decay": 0.1}},
        {"scheduler": {"warmup_fraction": 0.2}},
        {"decode": {"min_area": 9}},
    ],
)
def test_a_resumed_run_keeps_the_rest_of_a_section(given):
    begun = complete(data=facts(images=40)).model_dump()
    ((section, keys),) = given.items()
    begun[section] |= keys
    begun["model"] |= {"filters": [4, 6]}
    assert continued({"name": "x", "data": {"root": "inputs/x"}} | given, begun) == begun


def test_a_resume_mixes_no_keys_of_another_name():
    begun = complete().model_dump()
    given = {"name": "x", "data": {"root": "inputs/x"}, "optimizer": {"name": "SGD", "lr": 0.1}}
    assert continued(given, begun)["optimizer"] == {"name": "SGD", "lr": 0.1}


def test_a_sum_of_losses_has_no_name_to_complete():
    """A resume does not mix it with a named loss, and completes nothing of it."""
    terms = {"terms": [{"name": "BCEWithLogitsLoss"}, {"name": "DiceLoss"}]}
    assert completed({"loss": terms}, LABELS)[0]["loss"] == terms
    assert "loss" not in left_out({"loss": terms})
    assert continued({"loss": terms}, {"loss": {"name": "BCEDiceLoss", "smooth": 1.0}})["loss"] == terms
    assert continued({"loss": {"name": "BCEDiceLoss"}}, {"loss": terms})["loss"] == {"name": "BCEDiceLoss"}
