"""The section `model` of a configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from engine.schema.choices import name_in
from engine.schema.numbers import Width
from engine.schema.section import Section
from models import ENCODERS, FILTERS, MODELS, depth_of

ModelName = Annotated[str, name_in(lambda: list(MODELS))]
EncoderName = Annotated[str, name_in(lambda: list(ENCODERS))]


class ModelConfig(Section):
    name: ModelName = "NestedUNet"
    filters: Annotated[list[Width], Field(min_length=2, max_length=8)] = Field(default=list(FILTERS))  # of each level
    encoder: EncoderName | None = None  # a network of torchvision as the path down; filters are then of the path up
    encoder_weights: str | None = None  # of the encoder: a file, or imagenet: those that torchvision downloads
    deep_supervision: bool = False  # a loss on every level of a UNet++
    norm: Literal["batch", "group"] = "batch"  # normalisation; group needs no batch; an encoder keeps its batch norm
    weights: str | None = None  # start from this checkpoint, run or ready model; it is adapted, see the reference

    @model_validator(mode="after")
    def _one_head(self) -> ModelConfig:
        if self.deep_supervision and not MODELS[self.name].deep_supervision:
            able = " or ".join(name for name, entry in MODELS.items() if entry.deep_supervision)
            raise ValueError(f"{self.name} has one head; deep_supervision: true needs name: {able}")
        return self

    @property
    def depth(self) -> int:
        """How many times the network halves the image."""
        return depth_of(self.filters, self.encoder)

    @model_validator(mode="after")
    def _encoder_fits(self) -> ModelConfig:
        if self.encoder is None and self.encoder_weights is not None:
            raise ValueError(f"encoder_weights belong to an encoder; set encoder: {', '.join(ENCODERS)}")
        if self.encoder is not None and self.depth > (most := len(ENCODERS[self.encoder])):
            raise ValueError(
                f"filters: {len(self.filters)} widths, but {self.encoder} has {most} levels; with an encoder, filters "
                f"are the widths of the path up, at most {most}"
            )
        return self
