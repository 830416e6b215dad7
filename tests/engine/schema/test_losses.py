"""The losses of a configuration: their keys and defaults, sums of them, and which task each is for."""

import pytest
from support.config_files import GOOD, complaint, load

from engine.schema.config import Config
from engine.schema.config_file import dump_config
from engine.schema.loss_arguments import loss_arguments
from engine.schema.losses import SECTIONS
from losses import LOSSES, build_loss, keywords_of

# Keywords that no training has a use for: a scalar is needed, of logits, and nobody wants a vendor's mistake.
NOT_IN_A_FILE = {"reduction", "divide_by_rows"}


@pytest.mark.parametrize("name", LOSSES)
def test_loss_defaults_of_the_schema_are_those_of_the_loss(name):
    arguments = SECTIONS[name](name=name).arguments()
    build_loss(name, **arguments)
    keywords = keywords_of(LOSSES[name])
    assert arguments == {key: default for key, default in keywords.items() if key not in NOT_IN_A_FILE}


TERMS = "loss={terms: [{name: BCEWithLogitsLoss, factor: 0.5}, {name: DiceLoss, smooth: 1e-5, weight: [2]}]}"


def test_a_sum_of_losses(tmp_path):
    config = load(tmp_path, GOOD, TERMS)
    first, second = config.loss.terms
    assert (first.name, first.factor, second.smooth, second.weight, second.factor) == (
        *("BCEWithLogitsLoss", 0.5, 1e-5, [2.0], 1.0),
    )
    loss = build_loss(config.loss.name, **loss_arguments(config.loss, void=False))
    assert loss.factors == {"BCEWithLogitsLoss": 0.5, "DiceLoss": 1.0}
    assert loss.terms["DiceLoss"].smooth == 1e-5
    assert load(tmp_path, dump_config(config)) == config
    assert Config.model_validate(config.model_dump()) == config


def test_lists_and_numbers_where_a_loss_takes_either(tmp_path):
    section = "{name: DiceLoss, smooth: [1, 0.5, 2], weight: [0, 1, 2.5], include_background: false, form: -logD}"
    loss = load(tmp_path, GOOD, "task=multiclass", f"loss={section}").loss
    assert (loss.smooth, loss.weight, loss.form) == ([1.0, 0.5, 2.0], [0.0, 1.0, 2.5], "-logD")
    classes = load(tmp_path, GOOD, "task=multiclass", "loss={name: LovaszSoftmaxLoss, classes: [1, 2]}").loss.classes
    assert classes == [1, 2]


@pytest.mark.parametrize("name", SECTIONS)
@pytest.mark.parametrize("task", ["binary", "multilabel", "multiclass"])
@pytest.mark.parametrize("section", ["{{name: {}}}", "{{terms: [{{name: {}}}]}}"])
def test_a_loss_that_does_not_fit_the_task_is_refused_with_those_that_do(tmp_path, name, task, section):
    overrides = GOOD, f"task={task}", f"loss={section.format(name)}"
    fitting = [other for other in SECTIONS if task in SECTIONS[other].tasks]
    if name in fitting:
        load(tmp_path, *overrides)
    else:
        told = f"and task is {task}; losses that fit: {', '.join(fitting)}"
        assert f"loss {name} is for task" in (message := complaint(tmp_path, *overrides))
        assert told in message


def test_which_losses_fit_which_task():
    fitting = {task: {n for n in SECTIONS if task in SECTIONS[n].tasks} for task in ("binary", "multilabel")}
    classes = {name for name in SECTIONS if "multiclass" in SECTIONS[name].tasks}
    for_all = {"FocalLoss", "DiceLoss", "LogDiceLoss", "TverskyLoss", "FocalTverskyLoss"}
    of_masks = {"BCEWithLogitsLoss", "BCEDiceLoss", "LovaszHingeLoss", "BinaryDiceLoss"}
    assert fitting == {"binary": for_all | of_masks | {"LovaszSoftmaxLoss"}, "multilabel": for_all | of_masks}
    of_classes = {"LovaszSoftmaxLoss", "CrossEntropyLoss", "MultiClassDiceLoss", "CategoricalDiceLoss"}
    assert classes == for_all | of_classes


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["loss={terms: []}"], "loss.terms: got [] (a list)"),
        (["loss={terms: [{name: DiceLoss, factr: 2}]}"], "loss.terms.0.factr: unknown key; did you mean 'factor'?"),
        (["loss={terms: [{name: DiceLos}]}"], "loss.terms.0.name: 'DiceLos' is unknown; did you mean 'DiceLoss'?"),
        (["loss={terms: [{factor: 1}]}"], "loss.terms.0.name: is required; allowed: BCEWithLogitsLoss"),
        (["loss={terms: [{name: DiceLoss, factor: 0}]}"], "loss.terms.0.factor: got 0 (a whole number)"),
        (["loss={name: DiceLoss, factor: 2}"], "loss.factor: unknown key"),
        (["loss={name: DiceLoss, smooth: -1}"], "loss.smooth: got -1; allowed is a number from 0"),
        (["loss={name: DiceLoss, weight: [1, -1]}"], "loss.weight.1: got -1 (a whole number)"),
        (
            ["loss={name: DiceLoss, weight: [1, 2]}"],
            "2 numbers in weight, and with task binary the network has 1 channel;",
        ),
        (
            ["task=multiclass", "loss={name: FocalLoss, weight: [1]}"],
            "1 numbers in weight, and with task multiclass the network has several",
        ),
        (["task=multiclass", "loss={name: FocalLoss, alpha: 0.5}"], "alpha, which is for task binary or multilabel"),
        (["loss={name: DiceLoss, activation: softmax}"], "activation softmax, and task is binary"),
        (["loss={name: DiceLoss, include_background: false}"], "leaves out channel 0, the only one of task binary"),
        (["task=multiclass", "loss={name: DiceLoss, per_class: false, weight: [1, 2]}"], "they need per_class: true"),
        (["loss={name: LovaszSoftmaxLoss, classes: some}"], "got 'some'; allowed are present, all, or a list of"),
    ],
)
def test_mistakes_in_a_loss(tmp_path, overrides, told):
    message = complaint(tmp_path, GOOD, *overrides)
    assert told in message


@pytest.mark.parametrize(
    ("loss", "task", "told"),
    [
        (
            "{name: LovaszSoftmaxLoss, classes: [1, 5]}",
            "multiclass",
            "classes [1, 5], and the network has the channels 0 to 2",
        ),
        ("{name: DiceLoss, ignore_class: 7}", "multiclass", "ignore_class 7, and the network has the channels 0 to 2"),
        ("{name: CrossEntropyLoss, weight: [0, 0, 0]}", "multiclass", "the weight 0 for every class"),
        ("{name: DiceLoss, include_background: false}", "multilabel", "multilabel has no background"),
    ],
)
def test_what_does_not_fit_three_channels(tmp_path, loss, task, told):
    config = load(tmp_path, GOOD, f"loss={loss}", f"task={task}") if told.startswith(("classes", "ignore")) else None
    problem = (
        config.loss.misfit(task, channels=3) if config else complaint(tmp_path, GOOD, f"loss={loss}", f"task={task}")
    )
    assert told in problem
