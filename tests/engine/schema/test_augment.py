"""The section data.augment, and the keys that depend on each other."""

import pytest
import yaml
from support.config_files import complaint, load

from engine.schema.augment import DEFAULTS, AugmentConfig
from engine.schema.config_file import dump_config

CROP = """
data: {{root: inputs/x, crop: 64{data}}}
model: {{name: UNet{model}}}
loss: {{name: BCEDiceLoss}}
optimizer: {{name: AdamW, lr: 1e-3}}
scheduler: {{name: cosine{scheduler}}}
train: {{epochs: 3{train}}}
"""


def text(**sections):
    return CROP.format(**{name: sections.get(name, "") for name in ("data", "model", "scheduler", "train")})


def test_a_key_is_off_its_default_or_its_own_value(tmp_path):
    config = load(tmp_path, text(data=", augment: {scale: true, blur: 0.5, gamma: [0.9, 1], noise: false}"))
    assert config.data.changes == {"scale": (0.6, 1.6), "blur": 0.5, "gamma": (0.9, 1)}
    assert load(tmp_path, dump_config(config)) == config
    for plain in ("true", "false", "{}"):
        assert load(tmp_path, text(data=f", augment: {plain}")).data.changes == {}
    assert yaml.safe_load(dump_config(load(tmp_path, text())))["data"]["augment"] is True
    assert set(DEFAULTS) == set(AugmentConfig.model_fields)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{scale: 2}", "data.augment.scale: got 2 (a whole number); expected true (its default), false, or a range"),
        ("{scale: [1.6, 0.6]}", "a range [lowest, highest] from 0.1 to 10, such as [0.6, 1.6]"),
        ("{scale: [0.6, 1.6, 2]}", "data.augment.scale: got [0.6, 1.6, 2] (a list)"),
        ("{gamma: [0.5, .nan]}", "data.augment.gamma: got"),
        ("{gamma: [0.01, 1]}", "from 0.1 to 10"),
        (
            "{blur: 0}",
            "data.augment.blur: got 0 (a whole number); expected true (its default), false, or a probability",
        ),
        ("{noise: 1.01}", "a probability above 0 and at most 1"),
        ("{stain: yes please}", "data.augment.stain: got 'yes please' (text)"),
        ("{stains: true}", "data.augment.stains: unknown key; did you mean 'stain'?"),
        ("[scale]", "data.augment: got ['scale'] (a list); expected true or false, or a section"),
        ("1", "data.augment: got 1 (a whole number); expected true or false, or a section"),
    ],
)
def test_wrong_values_are_refused_by_their_key(tmp_path, given, told):
    assert told in complaint(tmp_path, text(data=f", augment: {given}"))


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"data": ", on_device: true, augment: {scale: true, blur: true}"}, "which has no scale, blur; set on_device"),
        ({"data": ", crop_sampling: area"}, "crops_per_image: 1 leaves none to share out"),
        ({"model": ", norm: group", "train": ", norm_batches: 4"}, "train.norm_batches is for batch norm"),
        ({"model": ", norm: group", "train": ", sync_batch_norm: true"}, "train.sync_batch_norm is for batch norm"),
        ({"scheduler": ", warmup_epochs: 3"}, "scheduler.warmup_epochs 3 must be smaller than train.epochs 3"),
        ({"train": ", ema: 1"}, "train.ema: got 1 (a whole number); input should be less than 1"),
        ({"train": ", norm_batches: 0"}, "train.norm_batches: got 0"),
    ],
)
def test_combinations_that_do_not_go_together(tmp_path, sections, told):
    assert told in complaint(tmp_path, text(**sections))


@pytest.mark.parametrize(
    "sections",
    [
        {"data": ", on_device: true, augment: {}"},
        {"data": ", on_device: auto, augment: {scale: true}"},
        {"data": ", crop_sampling: area, crops_per_image: 2"},
        {"data": ", crop_sampling: balanced"},
        {"model": ", norm: group"},
        {"scheduler": ", warmup_epochs: 2"},
        {"train": ", ema: 0.999, norm_batches: 4"},
    ],
)
def test_combinations_that_go_together(tmp_path, sections):
    load(tmp_path, text(**sections))


def test_sampling_belongs_to_windows(tmp_path):
    told = complaint(tmp_path, text(data=", crop_sampling: balanced").replace("crop: 64", "size: 64"))
    assert "crop_sampling belongs to crop; with size the network sees every image once" in told


def test_a_single_image_of_one_value_trains_with_group_norm_only(tmp_path):
    tiny = text(train=", batch_size: 1").replace("crop: 64", "crop: 16")
    assert "batch norm needs two values" in complaint(tmp_path, tiny)
    load(tmp_path, tiny, "model.norm=group")
    assert "group norm needs two values" in complaint(tmp_path, tiny, "model.norm=group", "model.filters=[8,8,8,8,1]")
