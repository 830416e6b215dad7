"""The losses of a configuration: their keys and defaults, sums of them, and which task each is for."""

import pytest
from support.config_files import GOOD, complaint, load

from engine.schema.config import Config
from engine.schema.config_file import dump_config
from engine.schema.loss_arguments import loss_arguments
from engine.schema.losses import SECTIONS
from losses import LOSSES, build_loss
from tasks import TASKS, tasks_with

# The keys of a loss with their defaults, in the order of a run's config.yaml, as they were before the schema was built
# from the losses' sources; files of runs that were made then have to stay readable.
OVERLAP = {
    **{"smooth": 1.0, "per_image": False, "per_class": True, "activation": "auto", "weight": None},
    **{"include_background": True, "ignore_class": None, "ignore_index": None},
}
DICE = OVERLAP | {"smooth_in": "both", "gamma": 1.0, "form": "1-D"}
TVERSKY = OVERLAP | {"alpha": 0.3, "beta": 0.7, "gamma": 1.0}
KEYS = {
    "BCEWithLogitsLoss": {"weight": None, "pos_weight": None, "ignore_index": None},
    "BCEDiceLoss": {"bce_weight": 0.5, "smooth": 1e-5},
    "LovaszHingeLoss": {"per_image": True, "ignore_index": None},
    "LovaszSoftmaxLoss": {"classes": "present", "per_image": False, "ignore_index": None},
    "CrossEntropyLoss": {"weight": None, "ignore_index": None, "label_smoothing": 0.0},
    "FocalLoss": {"gamma": 2.0, "alpha": None, "weight": None, "ignore_index": None},
    "DiceLoss": DICE,
    "BinaryDiceLoss": DICE | {"per_image": True, "activation": "sigmoid"},
    "MultiClassDiceLoss": DICE | {"per_image": True, "activation": "softmax"},
    "CategoricalDiceLoss": DICE
    | {"smooth": 1e-5, "smooth_in": "doubled", "form": "-D", "per_image": True, "activation": "softmax"},
    "LogDiceLoss": DICE | {"smooth": 100.0, "form": "-logD"},
    "TverskyLoss": TVERSKY,
    "FocalTverskyLoss": TVERSKY | {"gamma": 4 / 3},
}


def test_the_keys_their_order_and_their_defaults_are_those_of_older_runs():
    assert len(KEYS) == 13
    for name, keys in KEYS.items():
        arguments = SECTIONS[name](name=name).arguments()
        assert list(arguments.items()) == list(keys.items())
        build_loss(name, **arguments)


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("{name: DiceLoss, reduction: sum}", "loss.reduction: unknown key"),
        ("{name: DiceLoss, divide_by_rows: true}", "loss.divide_by_rows: unknown key"),
        ("{name: DiceLoss, activation: none}", "loss.activation: got 'none' (text); allowed: auto, sigmoid, softmax"),
    ],
)
def test_what_only_python_offers_is_no_key(tmp_path, section, told):
    assert told in complaint(tmp_path, GOOD, f"loss={section}")


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
    fitting = [other for other, entry in LOSSES.items() if TASKS[task].target in entry.fits]
    if name in fitting:
        load(tmp_path, *overrides)
    else:
        told = f"and task is {task}; losses that fit: {', '.join(fitting)}"
        assert f"loss {name} is for task" in (message := complaint(tmp_path, *overrides))
        assert told in message


def test_which_losses_fit_which_task():
    fitting = {task: {n for n in LOSSES if task in tasks_with(LOSSES[n].fits)} for task in ("binary", "multilabel")}
    classes = {name for name, entry in LOSSES.items() if "multiclass" in tasks_with(entry.fits)}
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
        (["loss={name: DiceLoss, smooth: -1}"], "loss.smooth: got -1; allowed: a number from 0, or a list of numbers"),
        (["loss={name: DiceLoss, weight: [1, -1]}"], "loss.weight.1: got -1 (a whole number)"),
        (
            ["loss={name: DiceLoss, weight: [1, 2]}"],
            "DiceLoss with task binary: weight has 2 numbers and the network has 1 channel;",
        ),
        (
            ["task=multiclass", "loss={name: FocalLoss, weight: [1]}"],
            "with task multiclass: weight has 1 number and the network has several channels",
        ),
        (
            ["task=multiclass", "loss={name: FocalLoss, alpha: 0.5}"],
            "FocalLoss with task multiclass: alpha is for masks (tasks binary and multilabel)",
        ),
        (["loss={name: DiceLoss, activation: softmax}"], "with task binary: activation softmax is for class indices"),
        (
            ["loss={name: DiceLoss, include_background: false}"],
            "with task binary: include_background False and ignore_class None leave out all",
        ),
        (["task=multiclass", "loss={name: DiceLoss, per_class: false, weight: [1, 2]}"], "set per_class to true"),
        (["loss={name: LovaszSoftmaxLoss, classes: some}"], "got 'some'; allowed: present, all, or a list of whole"),
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
            "classes is [1, 5], and the network has the channels 0 to 2",
        ),
        (
            "{name: DiceLoss, ignore_class: 7}",
            "multiclass",
            "ignore_class is 7, and the network has the channels 0 to 2",
        ),
        (
            "{name: CrossEntropyLoss, weight: [0, 0, 0]}",
            "multiclass",
            "weight must hold numbers from 0, and one of them above 0; got [0.0, 0.0, 0.0]",
        ),
        ("{name: DiceLoss, include_background: false}", "multilabel", "masks of several classes have no background"),
    ],
)
def test_what_does_not_fit_three_channels(tmp_path, loss, task, told):
    config = load(tmp_path, GOOD, f"loss={loss}", f"task={task}") if told.startswith(("classes", "ignore")) else None
    problem = (
        config.loss.why_unfit(task, channels=3) if config else complaint(tmp_path, GOOD, f"loss={loss}", f"task={task}")
    )
    assert told in problem
