"""Configurations: what is read, and the message for every kind of mistake."""

import typing

import pytest
import yaml
from support.config_files import GOOD, complaint, load

from engine.optimisers import OPTIMIZERS, SCHEDULERS
from engine.schema.config import Config, LossConfig, ModelConfig, OptimizerConfig, SchedulerConfig
from engine.schema.config_file import dump_config, load_config
from engine.schema.losses import SECTIONS
from losses import LOSSES
from models import MODELS
from system.errors import ConfigError
from system.yaml_file import parse_yaml


def test_values_overrides_and_the_name(tmp_path):
    config = load(tmp_path, GOOD, "train.epochs=7", "optimizer.lr=5E-4", "data.size=[96, 128]", "model.weights=a/b.pth")
    assert config.name == "exp"
    assert (config.train.epochs, config.optimizer.lr, config.data.height_width) == (7, 5e-4, (96, 128))
    assert config.model.weights == "a/b.pth"
    assert load(tmp_path, GOOD, "scheduler={name: plateau, patience: 3}").scheduler.patience == 3
    assert load(tmp_path, GOOD, "name=other").name == "other"


def test_dump_is_complete_and_reads_back(tmp_path):
    config = load(tmp_path)
    text = dump_config(config)
    assert load(tmp_path, text) == config
    assert Config.model_validate(yaml.safe_load(text)) == config
    assert yaml.safe_load(text)["train"]["batch_size"] == 16


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 1e-3), ("5E2", 500.0), (".5", 0.5), ("1.", 1.0), ("-2.5e+1", -25)]
)
def test_numbers(text, value):
    assert parse_yaml(text, "here") == value
    assert isinstance(parse_yaml(text, "here"), float)


def test_text_and_whole_numbers_stay_what_they_are():
    assert parse_yaml("[12, 1e, e3, 0.2.0]", "here") == [12, "1e", "e3", "0.2.0"]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("data.sise=3", "data.sise (command line): unknown key; did you mean 'size'? allowed: root, size"),
        ("extra.deep=1", "unknown key; "),
        ("loss.name=LovaszHinge", "'LovaszHinge' is unknown; did you mean 'LovaszHingeLoss'? allowed: BCEWith"),
        ("loss={per_image: true}", "loss.name: is required; allowed: BCEWithLogitsLoss, BCEDiceLoss, LovaszHingeLoss"),
        ("model.name=Unet", "got 'Unet' (text); did you mean 'UNet'? allowed: UNet, NestedUNet"),
        (
            "model.encoder=resnet19",
            "model.encoder (command line): got 'resnet19' (text); did you mean 'resnet18'? allowed",
        ),
        ("model.encoder=true", "got True (a yes/no value); allowed: resnet18, resnet34, resnet50"),
        ("model.encoder_weights=imagenet", "encoder_weights belong to an encoder; set encoder: resnet18"),
        (
            "model={encoder: resnet18, filters: [1, 1, 1, 1, 1, 1]}",
            "filters: 6 widths, but resnet18 has 5 levels; with an encoder, filters are the widths of the path up",
        ),
        ("train.epochs=ten", "train.epochs (command line): got 'ten' (text); expected a whole number"),
        ("train.epochs=1.5", "got 1.5 (a number); expected a whole number"),
        ("train.epochs=0", "got 0 (a whole number); input should be greater than 0"),
        ("train.workers=yes", "got True; expected auto, or a whole number greater than or equal to 0"),
        ("train.workers=many", "got 'many'; expected auto, or a whole number"),
        ("data.on_device=1", "data.on_device (command line): got 1; expected auto, or true or false"),
        ("optimizer.lr='1'", "optimizer.lr (command line): got '1' (text); expected a number"),
        ("optimizer.lr=.inf", "optimizer.lr"),
        ("data.size=[1]", "got [1]; allowed is a side in pixels, such as 96, or [height, width]"),
        ("data.size=0", "got 0; allowed is a side"),
        ("data.crop=64", "data: both are given; choose one: size (whole images"),
        ("data={root: x}", "neither is given; choose one"),
        ("data.overlap=8", "overlap, val_overlap and crops_per_image belong to crop"),
        ("data.val_overlap=8", "overlap, val_overlap and crops_per_image belong to crop"),
        ("data={root: x, crop: 64, overlap: 64}", "an overlap of 64 must be smaller than the crop, 64"),
        ("data={root: x, crop: 64, val_overlap: 65}", "an overlap of 65 must be smaller than the crop, 64"),
        ("data.channels=0", "data.channels (command line): got '0'; allowed are auto, a number of channels from 1"),
        ("data.channels=[]", "got '[]'; allowed are auto"),
        ("data.channels=[1, 1]", "a list without repeats"),
        ("data.channels=[-1]", "got '[-1]'; allowed are auto"),
        ("data.plane=3", "data.plane (command line): got '3'; allowed is one plane of each stack: z=3 (from 0)"),
        ("data.plane=each", "each is for predict.py"),
        ("data.plane=z=3;t=1", "got 'z=3;t=1'"),
        ("data.normalise=zscore", "allowed: dataset, imagenet"),
        ("data.val_fraction=1.0", "input should be less than 1"),
        ("data.root=5", "got 5 (a whole number); expected text"),
        ("data=5", "data (command line): got 5 (a whole number); expected a section with keys"),
        ("name=../x", "allowed are letters, digits"),
        (
            "model={name: UNet, deep_supervision: true}",
            "UNet has one head; deep_supervision: true needs name: NestedUNet",
        ),
        ("optimizer={name: SGD, lr: 1.0, momentum: 0.0, nesterov: true}", "nesterov: true needs a momentum above 0"),
        ("optimizer={name: AdamW, lr: 1.0, momentum: 0.9}", "unknown key; allowed: name, lr, betas, weight_decay"),
        ("scheduler.min_lr=1.0", "scheduler.min_lr 1.0 lies above optimizer.lr 0.001"),
        ("scheduler={name: multi_step, milestones: []}", "scheduler.milestones"),
        ("epochs", "'epochs': did you mean train.epochs=…? an override has the form section.key=value"),
        ("train.epochs.x=1", "'epochs' is a value, not a section"),
        ("train.epochs=[", "train.epochs=["),
    ],
)
def test_each_mistake_is_told_with_its_remedy(tmp_path, override, told):
    assert told in complaint(tmp_path, GOOD, override)


def test_all_problems_come_at_once(tmp_path):
    message = complaint(tmp_path, GOOD.replace("cosine", "cosin"), "train.epoch=1", "data.sise=2", "nonsense")
    assert "4 problems" in message
    assert all(key in message for key in ("scheduler.name", "train.epoch", "data.sise", "nonsense"))


def test_missing_sections(tmp_path):
    message = complaint(tmp_path, "data: {}\n")
    assert "data.root: is required and not given" in message
    assert "train: is required and not given" in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' is given twice"),
        ("a: &x 1\nb: *x\n", "line 2: aliases are not allowed"),
        ("a: [1\n", "line 2"),
        (
            "a: !!python/object/apply:os.system [x]\n",
            "python/object/apply:os.system' is not allowed: write plain",
        ),
        ("- 1\n", "must hold sections"),
        ("", "got nothing"),
    ],
)
def test_files_that_are_no_configuration(tmp_path, text, told):
    assert told in complaint(tmp_path, text)


def test_a_missing_file_names_those_there_are(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "a.yaml").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"b\.yaml: cannot be read .*configs/a\.yaml"):
        load_config(tmp_path / "b.yaml")


def options_of(annotation):
    union = typing.get_args(annotation)[0]
    return {typing.get_args(o.model_fields["name"].annotation)[0]: o for o in typing.get_args(union)}


def test_the_schema_knows_just_what_can_be_built():
    assert list(options_of(LossConfig)) == [*LOSSES, "WeightedSumLoss"]
    assert list(SECTIONS) == list(LOSSES)
    assert set(options_of(OptimizerConfig)) == set(OPTIMIZERS)
    assert set(options_of(SchedulerConfig)) == set(SCHEDULERS)
    assert all(ModelConfig(name=name).name == name for name in MODELS)


@pytest.mark.parametrize("section", ["train", "model", "loss", "optimizer", "scheduler", "decode"])
def test_a_section_with_nothing_behind_it_is_as_if_left_out(tmp_path, section):
    path = tmp_path / "a.yaml"
    path.write_text(f"data: {{root: inputs/x}}\n{section}:\n", encoding="utf-8")
    given = []
    whole = parse_yaml(GOOD, "here") | {"name": "a"}

    def fill(content):
        given.append(dict(content))
        return whole

    load_config(path, ["name=a"], fill)
    load_config(path, ["name=a", f"{section}="], fill)
    assert given == [{"name": "a", "data": {"root": "inputs/x"}}] * 2


def test_a_key_of_an_empty_section_can_be_set_on_the_command_line(tmp_path):
    whole = parse_yaml(GOOD, "here")
    path = tmp_path / "a.yaml"
    path.write_text(yaml.safe_dump(whole | {"train": None}), encoding="utf-8")
    assert load_config(path, ["train.epochs=3"]).train.epochs == 3
    with pytest.raises(ConfigError, match="train: is required and not given"):
        load_config(path)


def test_only_sections_may_be_empty(tmp_path):
    assert "seed" in complaint(tmp_path, GOOD, "seed=")
