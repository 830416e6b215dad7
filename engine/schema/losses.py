"""The section `loss` of a configuration, built from the table of losses and the signatures of their constructors."""

from __future__ import annotations

from typing import Annotated, Literal, Union

from pydantic import BeforeValidator, Field, PositiveFloat, create_model

from engine.schema.keyword_types import type_of_key
from engine.schema.section import Section
from losses import LOSSES, keywords_of, lacks_class_weights, takes_class_weights
from losses.rules import check_arguments, check_only_masks
from losses.table import PYTHON_ONLY_KEYWORDS, PYTHON_ONLY_VALUES
from tasks import TASKS, tasks_with


class LossSection(Section):
    name: str

    def why_unfit(self, task: str, *, channels: int | None = None) -> str | None:
        """Returns why the loss cannot be used for a task, and which losses can; None if it can be used.

        Args:
            task: a key of `tasks.TASKS`.
            channels: number of channels of the network, one per class; None if the data set has not been read yet.
        """
        entry, target = LOSSES[self.name], TASKS[task].target
        if target not in entry.fits:
            fitting = [name for name, other in LOSSES.items() if target in other.fits]
            return (
                f"loss {self.name} is for task {' or '.join(tasks_with(entry.fits))}, and task is {task}; "
                f"losses that fit: {', '.join(fitting)}"
            )
        arguments = dict(self)
        try:
            for keyword in entry.only_masks:
                check_only_masks(keyword, arguments[keyword], target)
            check_arguments(arguments, target=target, channels=channels)
        except ValueError as problem:
            return f"loss {self.name} with task {task}: {problem}"
        return None


def _section_of(name: str) -> type[LossSection]:
    keys = {}
    for keyword, (annotation, default) in keywords_of(name).items():
        if keyword not in PYTHON_ONLY_KEYWORDS:
            left_out = PYTHON_ONLY_VALUES.get(keyword, ())
            kind = type_of_key(annotation, allowed=LOSSES[name].range_of(keyword), left_out=left_out)
            keys[keyword] = (kind, default)
    return create_model(f"{name}Config", __base__=LossSection, name=(Literal[name], ...), **keys)


def _term_of(section: type[LossSection]) -> type[LossSection]:
    return create_model(f"{section.__name__}Term", __base__=section, factor=(PositiveFloat, 1.0))


SECTIONS: dict[str, type[LossSection]] = {name: _section_of(name) for name in LOSSES}
Term = Annotated[Union[tuple(map(_term_of, SECTIONS.values()))], Field(discriminator="name")]  # noqa: UP007


class ChosenLoss(LossSection):
    """Adds to the keys of a loss those that the section `loss` has itself."""

    # Sets the `weight` of the loss, or of those of its terms that take a weight and have none yet, to n / (K · n_c).
    # The pixels are counted in the training images or in the validation images: n in all, n_c of the class, K classes.
    class_weights: Literal["balanced", "balanced_val"] | None = None

    @property
    def balanced_part(self) -> Literal["train", "val"] | None:
        """The part of the data whose pixels set the class weights; None if nothing sets them."""
        return {None: None, "balanced": "train", "balanced_val": "val"}[self.class_weights]

    def why_unfit(self, task: str, *, channels: int | None = None) -> str | None:
        return self._why_no_class_weights(task) or super().why_unfit(task, channels=channels)

    def _why_no_class_weights(self, task: str) -> str | None:
        if self.class_weights is None:
            return None
        if TASKS[task].target == "mask":
            return f"class_weights balances several classes, and task: {task} has one; leave it out"
        if any(lacks_class_weights(term["name"], term) for term in terms_of(self.model_dump())):
            return None
        taking = [name for name in LOSSES if takes_class_weights(name)]
        return (
            "class_weights sets the weight of a loss, or of its terms, where none is given yet, and there is no "
            f"such loss here; losses that take it: {', '.join(taking)}"
        )


def _chosen(section: type[LossSection]) -> type[ChosenLoss]:
    return create_model(section.__name__, __base__=(section, ChosenLoss))


class WeightedSumLossConfig(ChosenLoss):
    """The weighted sum Σ factor · term. A file may leave its name out."""

    name: Literal["WeightedSumLoss"]
    terms: Annotated[list[Term], Field(min_length=1)]

    def why_unfit(self, task: str, *, channels: int | None = None) -> str | None:
        problems = (term.why_unfit(task, channels=channels) for term in self.terms)
        return self._why_no_class_weights(task) or next(filter(None, problems), None)


def _named(loss: object) -> object:
    return {"name": "WeightedSumLoss", **loss} if isinstance(loss, dict) and "terms" in loss else loss


Chosen = Union[(*map(_chosen, SECTIONS.values()), WeightedSumLossConfig)]
LossConfig = Annotated[Chosen, Field(discriminator="name"), BeforeValidator(_named)]


def terms_of(loss: dict) -> list[dict]:
    """Returns the terms of a sum, or the loss itself as the only term; `loss` is a dumped section."""
    return loss.get("terms") or [loss]
