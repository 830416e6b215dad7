"""What the data adds to a configured loss: void pixels and class weights."""

import pytest
from support.config_files import GOOD, complaint, load

from engine.schema.loss_arguments import loss_arguments
from losses import build_loss
from system.errors import ConfigError

CROSS_ENTROPY = "loss={name: CrossEntropyLoss, class_weights: balanced}"
TERMS = "{name: CrossEntropyLoss}, {name: MultiClassDiceLoss, weight: [0, 1, 1]}, {name: LovaszSoftmaxLoss}"


def loss_of(tmp_path, *overrides):
    return load(tmp_path, GOOD, "task=multiclass", *overrides).loss


def test_weights_and_void_reach_every_term_that_takes_them(tmp_path):
    loss = loss_of(tmp_path, f"loss={{terms: [{TERMS}], class_weights: balanced_val}}")
    assert loss.balanced_part == "val"
    arguments = loss_arguments(loss, void=True, weight=[0.5, 2, 3])
    assert [term.get("weight") for term in arguments["terms"]] == [[0.5, 2, 3], [0, 1, 1], None]
    assert [term["ignore_index"] for term in arguments["terms"]] == [255] * 3
    built = build_loss(loss.name, **arguments)
    assert built.terms["CrossEntropyLoss"].weight == (0.5, 2, 3)
    arguments = loss_arguments(loss, void=False)
    assert [term["ignore_index"] for term in arguments["terms"]] == [None] * 3
    assert arguments["terms"][0]["weight"] is None


def test_a_single_loss(tmp_path):
    loss = loss_of(tmp_path, CROSS_ENTROPY)
    assert loss.balanced_part == "train"
    arguments = loss_arguments(loss, void=False, weight=[1, 2])
    assert arguments == {"weight": [1, 2], "ignore_index": None, "label_smoothing": 0.0}
    build_loss(loss.name, **arguments)
    assert loss_of(tmp_path, "loss={name: CrossEntropyLoss}").balanced_part is None


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            ["task=multiclass", "loss={name: LovaszSoftmaxLoss, class_weights: balanced}"],
            "no such loss here; losses that t",
        ),
        (["task=multiclass", CROSS_ENTROPY, "loss.weight=[1, 2]"], "losses that take it: BCEWithLogitsLoss, CrossEntr"),
        (["task=multiclass", "loss={name: DiceLoss, per_class: false, class_weights: balanced}"], "no such loss here"),
        (["loss={name: DiceLoss, class_weights: balanced}"], "task: binary has one; leave it out"),
        (["task=multiclass", "loss={terms: [{name: DiceLoss, class_weights: balanced}]}"], "unknown key"),
        (["task=multiclass", CROSS_ENTROPY, "loss.class_weights=balance"], "did you mean 'balanced'?"),
        ([CROSS_ENTROPY.replace("balanced", "balanced_val").replace("CrossEntropy", "LovaszHinge")], "task: binary"),
    ],
)
def test_mistakes(tmp_path, overrides, told):
    assert told in complaint(tmp_path, GOOD, *overrides)


def test_a_loss_that_cannot_leave_void_out(tmp_path):
    loss = load(tmp_path, GOOD, "loss={name: BCEDiceLoss}").loss
    with pytest.raises(ConfigError, match="BCEDiceLoss cannot leave out; losses that can: BCEWithLogitsLoss, Lovasz"):
        loss_arguments(loss, void=True)
    assert loss_arguments(loss, void=False) == {"bce_weight": 0.5, "smooth": 1e-5}


@pytest.mark.parametrize("value", [0, 2, 7, 254])
@pytest.mark.parametrize(
    ("loss", "key"),
    [
        ("{{name: CrossEntropyLoss, ignore_index: {}}}", "loss.ignore_index"),
        ("{{terms: [{{name: DiceLoss}}, {{name: FocalLoss, ignore_index: {}}}]}}", "loss.terms[1].ignore_index"),
    ],
)
def test_an_own_ignore_index_is_never_replaced(tmp_path, loss, key, value):
    own = loss_of(tmp_path, "loss=" + loss.format(value))
    with pytest.raises(ConfigError) as caught:
        loss_arguments(own, void=True)
    assert str(caught.value).startswith(f"{key} is {value}, and the data has void pixels, which are 255 in the target")
    assert "remove the key" in str(caught.value)
    term = loss_arguments(own, void=False)
    assert term.get("terms", [term])[-1]["ignore_index"] == value  # without void pixels it is used as it is
    same = loss_arguments(loss_of(tmp_path, "loss=" + loss.format(255)), void=True)
    assert same.get("terms", [same])[-1]["ignore_index"] == 255  # the control: both mean the same pixels
