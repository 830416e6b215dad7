"""Every loss with every kind of target that it takes, for tests of what all of them have in common."""

import pytest
import torch
from pydantic import ValidationError

from engine.schema.losses import SECTIONS
from losses import LOSSES, build_loss
from tasks import tasks_with

# task → shape of logits; the instance tasks give a loss what a binary task gives it
SHAPES = {"binary": (2, 1, 5, 6), "multilabel": (2, 3, 5, 6), "multiclass": (2, 3, 5, 6)}
CASES = [
    pytest.param(build_loss(name), task, id=f"{name}-{task}")
    for name, entry in LOSSES.items()
    for task in tasks_with(entry.fits)
    if task in SHAPES
]

# keyword → values other than its default, for three channels; those of a binary task's one channel are cut from them
VALUES = {
    "weight": [[0.5, 1.0, 2.0]],
    "pos_weight": [[0.5, 1.0, 2.0]],
    "smooth": [0.5, [0.5, 1.0, 2.0]],
    "ignore_index": [255],
    "ignore_class": [1],
    "include_background": [False],
    "classes": ["all", [1, 2], [0]],
    "per_image": [True, False],
    "per_class": [False],
    "activation": ["sigmoid", "softmax"],
    "smooth_in": ["numerator", "denominator", "doubled"],
    "form": ["1-D", "-D", "-logD"],
    "gamma": [0.5, 2.0],
    "alpha": [0.25],
    "beta": [0.5],
    "label_smoothing": [0.1],
    "bce_weight": [1.0],
}
SUM = {
    "binary": ["BCEDiceLoss", "LovaszHingeLoss"],
    "multilabel": ["FocalLoss", "DiceLoss"],
    "multiclass": ["CrossEntropyLoss", "LovaszSoftmaxLoss"],
}


def every_choice():
    """Yields (loss section, task): each loss with its defaults, with each allowed value of each key, and sums."""
    for name, section in SECTIONS.items():
        for task in tasks_with(LOSSES[name].fits):
            if task not in SHAPES:
                continue
            yield {"name": name}, task
            channels = SHAPES[task][1]
            for key in sorted(section.model_fields.keys() - {"name"}):
                for value in VALUES[key]:
                    value = value[:channels] if isinstance(value, list) and key != "classes" else value
                    if _is_allowed(section, {"name": name, key: value}, task, channels):
                        yield {"name": name, key: value}, task
    for task, names in SUM.items():
        yield {"name": "WeightedSumLoss", "terms": [{"name": name, "factor": 0.5} for name in names]}, task


def _is_allowed(section, loss, task, channels):
    try:
        return section(**loss).why_unfit(task, channels=channels) is None
    except ValidationError:
        return False


def random_pair(task, shape=None, *, dtype=torch.float64, seed=5):
    """Random logits and a random target for a task."""
    generator = torch.Generator().manual_seed(seed)
    shape = shape or SHAPES[task]
    logits = torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype)
    if task == "multiclass":
        return logits, torch.randint(shape[1], (shape[0], *shape[2:]), generator=generator)
    return logits, (torch.rand(shape, generator=generator) < 0.4).to(dtype)


def perfect_logits(target, task, classes=3):
    """Logits that give the truth a probability of 1."""
    masks = torch.nn.functional.one_hot(target, classes).movedim(-1, 1).float() if task == "multiclass" else target
    return 100 * (2 * masks - 1)
