"""The sections `optimizer` and `scheduler` of a configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from engine.schema.numbers import Count, NumberFrom0
from engine.schema.section import Section

Fraction = Annotated[float, Field(gt=0, lt=1)]
Betas = Annotated[list[Fraction], Field(min_length=2, max_length=2)]


class SGDConfig(Section):
    name: Literal["SGD"]
    lr: PositiveFloat
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    nesterov: bool = False
    weight_decay: NonNegativeFloat = 0.0

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> SGDConfig:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov: true needs a momentum above 0")
        return self


class AdamConfig(Section):
    name: Literal["Adam"]
    lr: PositiveFloat
    betas: Betas = Field(default=[0.9, 0.999])
    weight_decay: NonNegativeFloat = 0.0


class AdamWConfig(AdamConfig):
    name: Literal["AdamW"]
    weight_decay: NonNegativeFloat = 0.01


class ConstantConfig(Section):
    name: Literal["constant"]


class CosineConfig(Section):
    name: Literal["cosine"]
    min_lr: NonNegativeFloat = 0.0
    warmup_epochs: NumberFrom0 = 0  # lr rises evenly, with every step, in these epochs


class OneCycleConfig(Section):
    name: Literal["one_cycle"]
    warmup_fraction: Fraction = 0.3


class PlateauConfig(Section):
    name: Literal["plateau"]
    factor: Fraction = 0.1
    patience: NumberFrom0 = 10  # epochs without a lower val_loss
    min_lr: NonNegativeFloat = 0.0


class MultiStepConfig(Section):
    name: Literal["multi_step"]
    milestones: Annotated[list[Count], Field(min_length=1)]  # lr falls after each of these epochs
    factor: Fraction = 0.1


OptimizerConfig = Annotated[SGDConfig | AdamConfig | AdamWConfig, Field(discriminator="name")]
SchedulerConfig = Annotated[
    ConstantConfig | CosineConfig | OneCycleConfig | PlateauConfig | MultiStepConfig, Field(discriminator="name")
]
