"""Agreement with MONAI, segmentation-models-pytorch and torchmetrics where their definitions meet ours."""

import importlib
import warnings

import pytest
import torch
import torch.nn.functional as F
from support.losses_cases import random_pair

from losses import (
    BinaryDiceLoss,
    DiceLoss,
    FocalLoss,
    FocalTverskyLoss,
    LovaszHingeLoss,
    LovaszSoftmaxLoss,
    TverskyLoss,
)

pytestmark = pytest.mark.slow

SHAPE = (3, 4, 12, 10)


def library(name):
    """The module, or a skip that says what to install; warnings of its import are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            pytest.skip(f"{error.name} is not installed; pip install -r requirements-dev.txt")


@pytest.fixture
def monai():
    return library("monai.losses")


@pytest.fixture
def smp():
    return library("segmentation_models_pytorch.losses")


def pair(task):
    return random_pair(task, SHAPE if task != "binary" else (3, 1, 12, 10), dtype=torch.float32)


def same(ours, theirs):
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_dice_of_monai(monai, pooled, squared, background, task):
    logits, target = pair(task)
    of_classes = task == "multiclass"
    weight = [0.5, 0, 1, 2]
    theirs = monai.DiceLoss(
        sigmoid=not of_classes,
        softmax=of_classes,
        to_onehot_y=of_classes,
        squared_pred=squared,
        batch=pooled,
        smooth_nr=0.3,
        smooth_dr=0.3,
        include_background=background,
        weight=weight if background else weight[1:],
    )
    ours = DiceLoss(
        smooth=0.3,
        gamma=2 if squared else 1,
        per_image=not pooled,
        include_background=background,
        weight=weight,
    )
    same(ours(logits, target), theirs(logits, target[:, None] if of_classes else target))


def test_dice_of_monai_with_smoothing_in_one_place(monai):
    logits, target = pair("binary")
    for place, smooth_nr, smooth_dr in (("denominator", 0, 0.3), ("numerator", 0.3, 0), ("doubled", 0.6, 0.3)):
        theirs = monai.DiceLoss(sigmoid=True, smooth_nr=smooth_nr, smooth_dr=smooth_dr)
        same(BinaryDiceLoss(smooth=0.3, smooth_in=place)(logits, target), theirs(logits, target))


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("task", ["binary", "multilabel", "multiclass"])
def test_dice_of_smp(smp, log, task):
    logits, target = pair(task)
    theirs = smp.DiceLoss(task, log_loss=log, smooth=1.0)  # which adds it to TP, half of the numerator
    same(DiceLoss(smooth=2.0, form="-logD" if log else "1-D")(logits, target), theirs(logits, target))


def test_dice_of_smp_with_void_pixels(smp):
    logits, target = pair("multiclass")
    target[:, :3] = 255
    theirs = smp.DiceLoss("multiclass", smooth=1.0, ignore_index=255)
    same(DiceLoss(smooth=2.0, ignore_index=255)(logits, target), theirs(logits, target))


@pytest.mark.parametrize("pooled", [True, False])
def test_tversky_of_monai(monai, pooled):
    logits, target = pair("multiclass")
    options = {"softmax": True, "to_onehot_y": True, "alpha": 0.2, "beta": 0.9, "smooth_nr": 0.3, "smooth_dr": 0.3}
    theirs = monai.TverskyLoss(batch=pooled, **options)
    ours = TverskyLoss(alpha=0.2, beta=0.9, smooth=0.3, per_image=not pooled)
    same(ours(logits, target), theirs(logits, target[:, None]))


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_tversky_and_focal_tversky_of_smp(smp, task):
    logits, target = pair(task)
    theirs = smp.TverskyLoss(task, alpha=0.2, beta=0.9, smooth=0.3)
    same(TverskyLoss(alpha=0.2, beta=0.9, smooth=0.3)(logits, target), theirs(logits, target))
    logits, target = pair("binary")  # of several classes smp takes the power of the mean, not the mean of the powers
    theirs = smp.TverskyLoss("binary", alpha=0.2, beta=0.9, smooth=0.3, gamma=0.75)
    same(FocalTverskyLoss(alpha=0.2, beta=0.9, smooth=0.3)(logits, target), theirs(logits, target))


def test_focal_of_monai(monai):
    logits, target = pair("multilabel")
    same(FocalLoss(alpha=0.25)(logits, target), monai.FocalLoss(alpha=0.25, gamma=2.0)(logits, target))
    theirs = monai.FocalLoss(weight=[0.5, 0, 1, 2], gamma=1.5)
    same(FocalLoss(weight=[0.5, 0, 1, 2], gamma=1.5)(logits, target), theirs(logits, target))
    logits, target = pair("multiclass")
    theirs = monai.FocalLoss(use_softmax=True, to_onehot_y=True, gamma=1.5)
    # Theirs is averaged over the classes too, of which all but a pixel's own count 0.
    same(FocalLoss(gamma=1.5)(logits, target), 4 * theirs(logits, target[:, None]))


def test_focal_of_smp(smp):
    logits, target = pair("binary")
    same(FocalLoss(alpha=0.25)(logits, target), smp.FocalLoss("binary", alpha=0.25)(logits, target))
    target[:, :, :3] = 255
    theirs = smp.FocalLoss("binary", gamma=3.0, ignore_index=255)
    same(FocalLoss(gamma=3.0, ignore_index=255)(logits, target), theirs(logits, target))


@pytest.mark.parametrize("per_image", [True, False])
@pytest.mark.parametrize("void", [True, False])
def test_lovasz_of_smp(smp, per_image, void):
    logits, target = pair("binary")
    labelled, labels = pair("multiclass")
    if void:
        target[:, :, :3] = 255
        labels[:, :3] = 255
    options = {"per_image": per_image, "ignore_index": 255 if void else None}
    same(LovaszHingeLoss(**options)(logits, target), smp.LovaszLoss("binary", **options)(logits, target))
    same(LovaszSoftmaxLoss(**options)(labelled, labels), smp.LovaszLoss("multiclass", **options)(labelled, labels))


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_hard_masks_score_the_dice_and_iou_of_torchmetrics(task):
    """With probabilities of 0 and 1 and no smoothing, −D is the Dice score and 1 − Tversky(1, 1) the IoU."""
    segmentation = library("torchmetrics.segmentation")
    logits, target = pair(task)
    hard = F.one_hot(logits.argmax(1), 4).movedim(-1, 1)
    truth = F.one_hot(target, 4).movedim(-1, 1) if task == "multiclass" else target.long()
    options = {"activation": "none", "smooth": 0.0, "reduction": "none", "per_image": True}
    dice = -DiceLoss(form="-D", **options)(hard.float(), target)
    theirs = segmentation.DiceScore(4, average="none")
    same(dice.mean(0), theirs(hard, truth))
    iou = 1 - TverskyLoss(alpha=1, beta=1, **options)(hard.float(), target)
    theirs = segmentation.MeanIoU(4, per_class=True)
    same(iou.mean(0), theirs(hard, truth))
