"""The sections of a configuration that choose a loss, and the tasks that each loss is for."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Union

from pydantic import BeforeValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, create_model

from engine.schema.section import Section

OF_MASKS = ("binary", "multilabel")
OF_CLASSES = ("multiclass",)


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < float("inf")


def _check_smooth(smooth: object) -> object:
    if not _is_number(smooth) and not (isinstance(smooth, list) and smooth and all(map(_is_number, smooth))):
        raise ValueError(f"got {smooth!r}; allowed is a number from 0, such as 1.0, or a list with one for each class")
    return smooth


def _check_classes(classes: object) -> object:
    indices = isinstance(classes, list) and classes and all(type(index) is int and index >= 0 for index in classes)
    if classes not in ("present", "all") and not indices:
        raise ValueError(f"got {classes!r}; allowed are present, all, or a list of classes such as [1, 2]")
    return classes


Smooth = Annotated[float | list[float], BeforeValidator(_check_smooth)]
Classes = Annotated[str | list[int], BeforeValidator(_check_classes)]
ClassWeights = Annotated[list[NonNegativeFloat], Field(min_length=1)]
Activation = Literal["auto", "sigmoid", "softmax"]
SmoothIn = Literal["both", "numerator", "denominator", "doubled"]
Form = Literal["1-D", "-D", "-logD"]


class LossSection(Section):
    tasks: ClassVar[tuple[str, ...]] = OF_MASKS + OF_CLASSES
    name: str

    def misfit(self, task: str, *, channels: int | None = None) -> str | None:
        """Why the loss cannot be used for `task`, and what can; None if it can.

        Args:
            channels: of the network, one per class; None while the data set has not been read.
        """
        if task not in self.tasks:
            fitting = [name for name, section in SECTIONS.items() if task in section.tasks]
            return (
                f"loss {self.name} is for task {' or '.join(self.tasks)}, and task is {task}; "
                f"losses that fit: {', '.join(fitting)}"
            )
        channels = 1 if task == "binary" else channels
        for key in ("weight", "pos_weight", "smooth"):
            numbers = getattr(self, key, None)
            if isinstance(numbers, list) and (len(numbers) != channels if channels else len(numbers) == 1):
                return (
                    f"loss {self.name} has {len(numbers)} numbers in {key}, and with task {task} the network has "
                    f"{channels or 'several'} channel{'' if channels == 1 else 's'}; give one number per channel, in "
                    f"the order of the classes"
                )
        if (weight := getattr(self, "weight", None)) is not None and not any(weight):
            return f"loss {self.name} has the weight 0 for every class; give one of them more"
        for key in ("classes", "ignore_class"):
            given = getattr(self, key, None)
            indices = given if isinstance(given, list) else [given] if isinstance(given, int) else []
            if channels and any(index >= channels for index in indices):
                return f"loss {self.name} has {key} {given}, and the network has the channels 0 to {channels - 1}"
        return None


class BCEWithLogitsLossConfig(LossSection):
    tasks: ClassVar = OF_MASKS
    name: Literal["BCEWithLogitsLoss"]
    weight: ClassWeights | None = None
    pos_weight: ClassWeights | None = None
    ignore_index: int | None = None


class BCEDiceLossConfig(LossSection):
    tasks: ClassVar = OF_MASKS
    name: Literal["BCEDiceLoss"]
    bce_weight: NonNegativeFloat = 0.5
    smooth: NonNegativeFloat = 1e-5


class LovaszHingeLossConfig(LossSection):
    tasks: ClassVar = OF_MASKS
    name: Literal["LovaszHingeLoss"]
    per_image: bool = True
    ignore_index: int | None = None


class LovaszSoftmaxLossConfig(LossSection):
    tasks: ClassVar = ("binary", *OF_CLASSES)
    name: Literal["LovaszSoftmaxLoss"]
    classes: Classes = "present"
    per_image: bool = False
    ignore_index: int | None = None


class CrossEntropyLossConfig(LossSection):
    tasks: ClassVar = OF_CLASSES
    name: Literal["CrossEntropyLoss"]
    weight: ClassWeights | None = None
    ignore_index: int | None = None
    label_smoothing: Annotated[float, Field(ge=0, le=1)] = 0.0


class FocalLossConfig(LossSection):
    name: Literal["FocalLoss"]
    gamma: NonNegativeFloat = 2.0
    alpha: Annotated[float, Field(ge=0, le=1)] | None = None
    weight: ClassWeights | None = None
    ignore_index: int | None = None

    def misfit(self, task: str, *, channels: int | None = None) -> str | None:
        if self.alpha is not None and task == "multiclass":
            return (
                "loss FocalLoss has alpha, which is for task binary or multilabel; for multiclass give weight instead"
            )
        return super().misfit(task, channels=channels)


class OverlapLossSection(LossSection):
    smooth: Smooth = 1.0
    per_image: bool = False
    per_class: bool = True
    activation: Activation = "auto"
    weight: ClassWeights | None = None
    include_background: bool = True
    ignore_class: NonNegativeInt | None = None
    ignore_index: int | None = None

    def misfit(self, task: str, *, channels: int | None = None) -> str | None:
        if problem := super().misfit(task, channels=channels):
            return problem
        if self.activation == "softmax" and task in OF_MASKS:
            return f"loss {self.name} has activation softmax, and task is {task}; use auto or sigmoid"
        if task == "binary" and (not self.include_background or self.ignore_class == 0):
            return f"loss {self.name} leaves out channel 0, the only one of task binary; that is for multiclass"
        if task == "multilabel" and not self.include_background:
            return (
                f"loss {self.name} has include_background: false, and task multilabel has no background; "
                "leave a class out with ignore_class"
            )
        if channels and {0, self.ignore_class} >= set(range(channels)) and not self.include_background:
            return f"loss {self.name} leaves out all classes; set include_background: true, or no ignore_class"
        if not self.per_class and (self.weight is not None or isinstance(self.smooth, list)):
            return f"loss {self.name} has numbers for each class in weight or smooth; they need per_class: true"
        return None


class DiceLossConfig(OverlapLossSection):
    name: Literal["DiceLoss"]
    smooth_in: SmoothIn = "both"
    gamma: PositiveFloat = 1.0
    form: Form = "1-D"


class BinaryDiceLossConfig(DiceLossConfig):
    tasks: ClassVar = OF_MASKS
    name: Literal["BinaryDiceLoss"]
    per_image: bool = True
    activation: Activation = "sigmoid"


class MultiClassDiceLossConfig(DiceLossConfig):
    tasks: ClassVar = OF_CLASSES
    name: Literal["MultiClassDiceLoss"]
    per_image: bool = True
    activation: Activation = "softmax"


class CategoricalDiceLossConfig(DiceLossConfig):
    tasks: ClassVar = OF_CLASSES
    name: Literal["CategoricalDiceLoss"]
    smooth: Smooth = 1e-5
    smooth_in: SmoothIn = "doubled"
    form: Form = "-D"
    per_image: bool = True
    activation: Activation = "softmax"


class LogDiceLossConfig(DiceLossConfig):
    name: Literal["LogDiceLoss"]
    smooth: Smooth = 100.0
    form: Form = "-logD"


class TverskyLossConfig(OverlapLossSection):
    name: Literal["TverskyLoss"]
    alpha: NonNegativeFloat = 0.3
    beta: NonNegativeFloat = 0.7
    gamma: PositiveFloat = 1.0


class FocalTverskyLossConfig(TverskyLossConfig):
    name: Literal["FocalTverskyLoss"]
    gamma: PositiveFloat = 4 / 3


Single = (
    BCEWithLogitsLossConfig
    | BCEDiceLossConfig
    | LovaszHingeLossConfig
    | LovaszSoftmaxLossConfig
    | CrossEntropyLossConfig
    | FocalLossConfig
    | DiceLossConfig
    | BinaryDiceLossConfig
    | MultiClassDiceLossConfig
    | CategoricalDiceLossConfig
    | LogDiceLossConfig
    | TverskyLossConfig
    | FocalTverskyLossConfig
)
SECTIONS: dict[str, type[LossSection]] = {
    section.__name__.removesuffix("Config"): section for section in Single.__args__
}


def _term(section: type[LossSection]) -> type[LossSection]:
    return create_model(f"{section.__name__}Term", __base__=section, factor=(PositiveFloat, 1.0))


Term = Annotated[Union[tuple(map(_term, SECTIONS.values()))], Field(discriminator="name")]  # noqa: UP007


class ChosenLoss(LossSection):
    """What the section `loss` itself has besides the keys of its loss."""

    # Sets the `weight` of the loss, or of those of its terms that take one and give none, from the pixels of each class
    # in the training images, or in the validation images: n / (K · n_c).
    class_weights: Literal["balanced", "balanced_val"] | None = None

    @property
    def balanced_part(self) -> Literal["train", "val"] | None:
        """The part of the data that sets the class weights."""
        return {None: None, "balanced": "train", "balanced_val": "val"}[self.class_weights]

    def misfit(self, task: str, *, channels: int | None = None) -> str | None:
        if self.class_weights is None:
            return super().misfit(task, channels=channels)
        if task == "binary":
            return "class_weights balances several classes, and task: binary has one; leave it out"
        if not any(map(has_free_weight, parts_of(self.model_dump()))):
            taking = [name for name, section in SECTIONS.items() if "weight" in section.model_fields]
            return (
                "class_weights sets the weight of a loss, or of those of its terms, that have none yet, and there is "
                f"no such here; losses that take it: {', '.join(taking)}"
            )
        return super().misfit(task, channels=channels)


def _chosen(section: type[LossSection]) -> type[ChosenLoss]:
    return create_model(section.__name__, __base__=(section, ChosenLoss))


class WeightedSumLossConfig(ChosenLoss):
    """Σ factor · term; in a file the name may be left out."""

    name: Literal["WeightedSumLoss"]
    terms: Annotated[list[Term], Field(min_length=1)]

    def misfit(self, task: str, *, channels: int | None = None) -> str | None:
        problems = (term.misfit(task, channels=channels) for term in self.terms)
        return super().misfit(task, channels=channels) or next(filter(None, problems), None)


def _named(loss: object) -> object:
    return {"name": "WeightedSumLoss", **loss} if isinstance(loss, dict) and "terms" in loss else loss


Chosen = Union[(*map(_chosen, SECTIONS.values()), WeightedSumLossConfig)]
LossConfig = Annotated[Chosen, Field(discriminator="name"), BeforeValidator(_named)]


def parts_of(loss: dict) -> list[dict]:
    """The terms of a sum, or the loss itself, of a dumped section."""
    return loss.get("terms") or [loss]


def has_free_weight(part: dict) -> bool:
    """Whether a dumped loss takes class weights and gives none."""
    return part.get("weight", 0) is None and part.get("per_class", True)
