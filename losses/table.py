"""The table of all losses. It imports no torch; `losses/signature.py` reads the keywords from the losses' sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from losses.rules import FRACTION, NON_NEGATIVE, POSITIVE, Range, Target

ONE_MASK: tuple[Target, ...] = ("mask",)
MASKS: tuple[Target, ...] = ("mask", "masks")
INDICES: tuple[Target, ...] = ("indices",)
EVERY_TARGET: tuple[Target, ...] = ("mask", "masks", "indices")

# Keywords with one range in all losses that have them. Of a list, the range is that of each item.
COMMON_RANGES: dict[str, Range] = {
    "smooth": NON_NEGATIVE,
    "weight": NON_NEGATIVE,
    "pos_weight": NON_NEGATIVE,
    "ignore_class": NON_NEGATIVE,
    "classes": NON_NEGATIVE,
}
TVERSKY_RANGES: dict[str, Range] = {"alpha": NON_NEGATIVE, "beta": NON_NEGATIVE, "gamma": POSITIVE}


@dataclass(frozen=True)
class LossEntry:
    """A loss as the table has it.

    Attributes:
        module: that defines the loss's class.
        fits: the kinds of target that the loss can be computed from.
        ranges: keyword → the numbers that it may have, besides `COMMON_RANGES`.
        only_masks: keywords that a target of class indices has no use for.
    """

    module: str
    fits: tuple[Target, ...]
    ranges: Mapping[str, Range] = field(default_factory=dict)
    only_masks: tuple[str, ...] = ()

    def range_of(self, keyword: str) -> Range | None:
        return self.ranges.get(keyword) or COMMON_RANGES.get(keyword)


LOSSES: dict[str, LossEntry] = {
    "BCEWithLogitsLoss": LossEntry("losses.cross_entropy", fits=MASKS),
    "BCEDiceLoss": LossEntry("losses.bce_dice", fits=MASKS, ranges={"bce_weight": NON_NEGATIVE}),
    "LovaszHingeLoss": LossEntry("losses.lovasz", fits=MASKS),
    "LovaszSoftmaxLoss": LossEntry("losses.lovasz", fits=ONE_MASK + INDICES),
    "CrossEntropyLoss": LossEntry("losses.cross_entropy", fits=INDICES, ranges={"label_smoothing": FRACTION}),
    "FocalLoss": LossEntry(
        "losses.focal", fits=EVERY_TARGET, ranges={"gamma": NON_NEGATIVE, "alpha": FRACTION}, only_masks=("alpha",)
    ),
    "DiceLoss": LossEntry("losses.dice", fits=EVERY_TARGET, ranges={"gamma": POSITIVE}),
    "BinaryDiceLoss": LossEntry("losses.dice", fits=MASKS, ranges={"gamma": POSITIVE}),
    "MultiClassDiceLoss": LossEntry("losses.dice", fits=INDICES, ranges={"gamma": POSITIVE}),
    "CategoricalDiceLoss": LossEntry("losses.dice", fits=INDICES, ranges={"gamma": POSITIVE}),
    "LogDiceLoss": LossEntry("losses.dice", fits=EVERY_TARGET, ranges={"gamma": POSITIVE}),
    "TverskyLoss": LossEntry("losses.tversky", fits=EVERY_TARGET, ranges=TVERSKY_RANGES),
    "FocalTverskyLoss": LossEntry("losses.tversky", fits=EVERY_TARGET, ranges=TVERSKY_RANGES),
}

# Classes that are built from other losses, and so have no entry above, and their modules.
COMPOSED: dict[str, str] = {
    "WeightedSumLoss": "losses.weighted_sum",
    "DeepSupervisionLoss": "losses.deep_supervision",
}

# What a configuration does not offer, because a training needs a scalar, of logits, and no vendor's mistake: keywords,
# and values of the other keywords.
PYTHON_ONLY_KEYWORDS = ("reduction", "divide_by_rows")
PYTHON_ONLY_VALUES: dict[str, tuple[str, ...]] = {"activation": ("none",)}
