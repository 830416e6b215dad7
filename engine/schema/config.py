"""The typed schema of a configuration. Every key, type, range and combination is checked before any work.

Nothing here imports torch, so that a wrong configuration is refused at once. The keys of losses come from the table in
`losses`. Tests compare the other names and arguments with those in `models` and `engine.optimisers`.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, model_validator

from engine.schema.choices import Logs, name_in, shown, suggestion
from engine.schema.data import DataConfig
from engine.schema.decoding import DecodeConfig
from engine.schema.losses import LossConfig
from engine.schema.model import ModelConfig
from engine.schema.numbers import Count, Rhythm, Seed, Workers
from engine.schema.optimisers import Fraction, OptimizerConfig, SchedulerConfig
from engine.schema.section import Section
from models import size_of_deepest
from tasks import TASKS, tasks_with_cells

TaskName = Annotated[str, name_in(lambda: list(TASKS))]


class TrainConfig(Section):
    epochs: Count
    batch_size: Count = 16  # images in a step, in all processes together
    accumulate: Count = 1  # number of micro-batches in each process's share of a batch
    sync_batch_norm: bool = False  # batch norm uses the images of all processes
    norm_batches: Count | None = None  # batches that measure the statistics of batch norm before each validation
    ema: Fraction | None = None  # decay of a moving average of the weights, such as 0.999; it validates and predicts
    clip_norm: PositiveFloat | None = None  # largest allowed 2-norm of the whole gradient
    best: Literal["auto", "val_iou", "val_dice", "val_ap_50", "val_ap", "last"] = "auto"  # which epoch is best.pth
    decode_every: Rhythm = "auto"  # score the cells of the validation part in every n-th epoch
    early_stopping: Count | None = None  # stop after this many epochs without a better score
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"  # fp16 is for GPUs without bf16
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
    layout: Literal["auto", "channels_last", "contiguous"] = "auto"  # of images and weights in memory
    weight_gradient: Literal["auto", "direct", "swapped", "products"] = "auto"  # how convolutions compute it
    workers: Workers = "auto"  # number of processes that read and augment
    log_to: Logs = Field(default=["csv"])  # csv, and tensorboard, which needs the package of this name
    save_every_minutes: PositiveFloat = 10.0  # an epoch that takes longer is saved within, too
    deterministic: bool = False  # on CUDA, use only kernels that give the same bits every time; CPU kernels always do

    def micro_batch_size(self, processes: int) -> int:
        """Returns the number of images that go through the network at once in each of `processes` processes."""
        return max(1, self.batch_size // (processes * self.accumulate))

    @model_validator(mode="after")
    def _fits_together(self) -> TrainConfig:
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size {self.batch_size} is not divisible by accumulate {self.accumulate}")
        if self.best == "last" and self.early_stopping is not None:
            raise ValueError("early_stopping needs a score that may rise, and best: last has none; leave one out")
        return self


class Config(Section):
    """The complete configuration of an experiment."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]  # names the run folder
    seed: Seed = 41  # of the initial weights, the order and the augmentation
    task: TaskName = "binary"
    data: DataConfig
    model: ModelConfig = ModelConfig()
    loss: LossConfig
    optimizer: OptimizerConfig
    scheduler: SchedulerConfig
    train: TrainConfig
    decode: DecodeConfig = DecodeConfig()

    @property
    def best(self) -> str:
        """The column of log.csv whose highest value chooses best.pth; "epoch" takes the last one."""
        if self.train.best == "last":
            return "epoch"
        if self.train.best != "auto":
            return self.train.best
        return "val_ap_50" if TASKS[self.task].instances else "val_iou"

    @property
    def decode_method(self) -> str | None:
        """The method that turns maps into cells; None if the task has no cells."""
        return self.decode.method or next(iter(TASKS[self.task].methods), None)

    def with_on_device(self, on_device: bool) -> Config:
        """Returns the configuration with this value of `data.on_device`, on which the random draws depend."""
        return self._with("data", on_device=on_device)

    def with_decode_every(self, epochs: int) -> Config:
        """Returns the configuration with this value of `train.decode_every`, on which log.csv depends."""
        return self._with("train", decode_every=epochs)

    def with_validation(self, overlap: int | None, val_overlap: int | str, val_images: int | None) -> Config:
        """Returns the configuration with these in place of `data.overlap: null`, and of the other keys' `auto`."""
        given = {"overlap": overlap, "val_overlap": val_overlap, "val_images": val_images}.items()
        left_out = {"overlap": None, "val_overlap": "auto", "val_images": "auto"}
        return self._with("data", **{key: one for key, one in given if getattr(self.data, key) == left_out[key]})

    def _with(self, section: str, **values: object) -> Config:
        return self.model_copy(update={section: getattr(self, section).model_copy(update=values)})

    def with_kernels(self, *, layout: str, weight_gradient: str) -> Config:
        """Returns the configuration with these values of `train`, which decide last bits, in place of `auto`."""
        given = {"layout": layout, "weight_gradient": weight_gradient}
        update = {key: value for key, value in given.items() if getattr(self.train, key) == "auto"}
        return self.model_copy(update={"train": self.train.model_copy(update=update)})

    def with_first_kernels(self) -> Config:
        """Returns the configuration of a run that has begun; one that is older than the keys of kernels gets them."""
        return self.with_kernels(layout="channels_last", weight_gradient="direct")

    @model_validator(mode="after")
    def _loss_fits_task(self) -> Config:
        if problem := self.loss.why_unfit(self.task):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _cells_fit_task(self) -> Config:
        methods, separating = TASKS[self.task].methods, [name for name, entry in TASKS.items() if entry.instances]
        if self.decode != DecodeConfig() and not methods:
            able = ", ".join(tasks_with_cells())
            raise ValueError(f"decode: task {self.task} has no cells; leave the section out, or set task: {able}")
        if (method := self.decode.method) is not None and method not in methods:
            raise ValueError(f"decode.method: got {shown(method)}; {suggestion(method, methods)}")
        if self.best.startswith("val_ap") and self.task not in separating:
            raise ValueError(
                f"train.best: {self.best} needs the scores of cells, which task {' and '.join(separating)} have; "
                f"got task: {self.task}, set train.best: val_iou"
            )
        return self

    def why_too_few_values(self, images: int) -> str | None:
        """Returns why batch norm cannot train with so many images at once; None if it can.

        It needs two values of each channel, and the deepest level of a small image has a single one.
        """
        height, width = self.data.window
        if self.model.norm == "group" and min(self.model.filters) > 1 and self.model.encoder is None:
            return None  # each group has several channels
        if images * math.prod(size_of_deepest(self.model.depth, height, width)) > 1:
            return None
        key, deepest = "size" if self.data.size else "crop", 2**self.model.depth
        return (
            f"{self.model.norm} norm needs two values of each channel, and with data.{key} {height}×{width} the "
            f"deepest of the {self.model.depth + 1} levels of the network has one in each image, of which {images} "
            f"goes through it at once; take at least two (train.batch_size, train.accumulate), a data.{key} above "
            f"{deepest}, or fewer "
            "model.filters"
        )

    @model_validator(mode="after")
    def _enough_for_batch_norm(self) -> Config:
        if problem := self.why_too_few_values(self.train.micro_batch_size(processes=1)):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _batch_norm_is_there(self) -> Config:
        keys = [key for key in ("sync_batch_norm", "norm_batches") if getattr(self.train, key)]
        if keys and self.model.norm != "batch":
            raise ValueError(f"train.{keys[0]} is for batch norm, and model.norm is {self.model.norm}; leave it out")
        return self

    @model_validator(mode="after")
    def _warmup_within_epochs(self) -> Config:
        warmup = getattr(self.scheduler, "warmup_epochs", 0)
        if warmup >= self.train.epochs:
            raise ValueError(f"scheduler.warmup_epochs {warmup} must be smaller than train.epochs {self.train.epochs}")
        return self

    @model_validator(mode="after")
    def _min_lr_below_lr(self) -> Config:
        lowest = getattr(self.scheduler, "min_lr", 0.0)
        if lowest > self.optimizer.lr:
            raise ValueError(f"scheduler.min_lr {lowest} lies above optimizer.lr {self.optimizer.lr}")
        return self
