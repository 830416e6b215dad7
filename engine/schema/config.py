"""The typed schema of a configuration. Every key, type, range and combination is checked before any work.

Nothing here imports torch, so that a wrong configuration is refused at once. The keys of losses come from the table in
`losses`. Tests compare the other names and arguments with those in `models` and `engine.optimisers`.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, model_validator

from engine.schema.choices import name_in, shown, suggestion
from engine.schema.losses import LossConfig
from engine.schema.numbers import (
    Channels,
    Choice,
    Count,
    Crops,
    NumberFrom0,
    Pixels,
    Plane,
    Radius,
    Rhythm,
    Seed,
    Size,
    SplitSeed,
    Width,
    Workers,
)
from engine.schema.optimisers import Fraction, OptimizerConfig, SchedulerConfig
from engine.schema.section import Section
from models import FILTERS, MODELS, size_of_deepest
from tasks import TASKS, tasks_with_cells


def _pair(size: int | list[int] | None) -> tuple[int, int] | None:
    return (size, size) if isinstance(size, int) else size and tuple(size)


TaskName = Annotated[str, name_in(lambda: list(TASKS))]
ModelName = Annotated[str, name_in(lambda: list(MODELS))]


class DataConfig(Section):
    root: str  # the data folder, relative to the root of the repository
    size: Size | None = None  # the network sees the whole image, resized to this size …
    crop: Size | None = None  # … or it sees windows of this size at native scale
    crops_per_image: Crops = 1  # number of windows of each image in every epoch
    overlap: NumberFrom0 | None = None  # pixels between the tiles that score and predict; None: half a tile
    channels: Channels = "auto"  # how many, or the numbers or names of those that are taken from each file
    plane: Plane = None  # of a stack; None refuses stacks
    intensity: Literal["native", "image", "run"] = "native"  # which images are stretched, and between which values
    truth: Literal["auto", "masks", "labels", "classes"] = "auto"  # what the files of the truth are
    mask_threshold: Fraction | None = None  # where soft masks are cut, as a share of their full range
    border_radius: Radius = 2.5  # of task: border, in pixels of the network's input
    max_pixels: Pixels = 2**28  # larger images are refused before they are decoded
    normalise: Literal["dataset", "imagenet"] = "dataset"  # whose mean and standard deviation
    val_fraction: Fraction = 0.2  # share of the images that validates, drawn with split_seed
    split_seed: SplitSeed = 41
    split_file: str | None = None  # a CSV file with the columns id,split
    augment: bool = True  # flips, turns, and changes of colour and brightness
    on_device: Choice = "auto"  # keep the training samples on the device and augment them there
    cache: str | None = "auto"  # folder of decoded samples that memory has no room for; auto: .cache in data.root

    @property
    def height_width(self) -> tuple[int, int] | None:
        """The (height, width) that whole images are resized to; None in a run with `crop`."""
        return _pair(self.size)

    @property
    def tile(self) -> tuple[int, int] | None:
        """The (height, width) of the windows that the network sees; None in a run with `size`."""
        return _pair(self.crop)

    @property
    def window(self) -> tuple[int, int]:
        """The (height, width) of the network's input, in either kind of run."""
        return self.height_width or self.tile

    @property
    def tile_overlap(self) -> int:
        return self.overlap if self.overlap is not None else min(self.tile) // 2

    @model_validator(mode="before")
    @classmethod
    def _without_target(cls, keys: object) -> object:
        """Reads the configuration of a run that was begun when this section had the key `target`."""
        if not isinstance(keys, dict) or "target" not in keys:
            return keys
        if keys["target"] != "masks":
            raise ValueError(
                f"target: {keys['target']} is gone, and with it its three softmax classes; set task: border, "
                "or task: distance, and a loss for masks such as BCEDiceLoss, and train anew"
            )
        return {key: value for key, value in keys.items() if key not in ("target", "border_radius")}

    @model_validator(mode="after")
    def _one_geometry(self) -> DataConfig:
        if (self.size is None) == (self.crop is None):
            given = "both are" if self.size else "neither is"
            raise ValueError(
                f"{given} given; choose one: size (whole images, resized to it) or crop (windows at native scale)"
            )
        if self.crop is None and (self.overlap is not None or self.crops_per_image > 1):
            raise ValueError("overlap and crops_per_image belong to crop; with size there are no tiles")
        if self.crop is not None and self.tile_overlap >= min(self.tile):
            raise ValueError(f"overlap {self.overlap} must be smaller than the crop, {self.crop}")
        return self


class ModelConfig(Section):
    name: ModelName = "NestedUNet"
    filters: Annotated[list[Width], Field(min_length=2, max_length=8)] = Field(default=list(FILTERS))  # of each level
    deep_supervision: bool = False  # a loss on every level of a UNet++
    weights: str | None = None  # start from this checkpoint

    @model_validator(mode="after")
    def _one_head(self) -> ModelConfig:
        if self.deep_supervision and not MODELS[self.name].deep_supervision:
            able = " or ".join(name for name, entry in MODELS.items() if entry.deep_supervision)
            raise ValueError(f"{self.name} has one head; deep_supervision: true needs name: {able}")
        return self


class DecodeConfig(Section):
    """How maps become cells. A key that is not given has the default of its method."""

    method: str | None = None  # None: the first method of the task
    foreground_threshold: Fraction | None = None  # a pixel above this probability belongs to a cell
    seed_threshold: Fraction | None = None  # cells grow from where the task's second map lies above this
    min_seed: Count | None = None  # pixels of a seed
    min_area: Count | None = None  # pixels of a cell

    def given(self) -> dict[str, float]:
        """Returns the parameters that are given, without the method."""
        return self.model_dump(exclude={"method"}, exclude_none=True)


class TrainConfig(Section):
    epochs: Count
    batch_size: Count = 16  # images in a step, in all processes together
    accumulate: Count = 1  # number of micro-batches in each process's share of a batch
    sync_batch_norm: bool = False  # batch norm uses the images of all processes
    clip_norm: PositiveFloat | None = None  # largest allowed 2-norm of the whole gradient
    best: Literal["auto", "val_iou", "val_dice", "val_ap_50", "val_ap"] = "auto"  # best.pth has its highest
    decode_every: Rhythm = "auto"  # score the cells of the validation part in every n-th epoch
    early_stopping: Count | None = None  # stop after this many epochs without a better score
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"  # fp16 is for GPUs without bf16
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
    layout: Literal["auto", "channels_last", "contiguous"] = "auto"  # of images and weights in memory
    weight_gradient: Literal["auto", "direct", "swapped", "products"] = "auto"  # how convolutions compute it
    workers: Workers = "auto"  # number of processes that read and augment
    save_every_minutes: PositiveFloat = 10.0  # an epoch that takes longer is saved within, too
    deterministic: bool = False  # on CUDA, use only kernels that give the same bits every time; CPU kernels always do

    def micro_batch_size(self, processes: int) -> int:
        """Returns the number of images that go through the network at once in each of `processes` processes."""
        return max(1, self.batch_size // (processes * self.accumulate))

    @model_validator(mode="after")
    def _whole_micro_batches(self) -> TrainConfig:
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size {self.batch_size} is not divisible by accumulate {self.accumulate}")
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
        """The column of log.csv whose highest value chooses best.pth."""
        if self.train.best != "auto":
            return self.train.best
        return "val_ap_50" if TASKS[self.task].instances else "val_iou"

    @property
    def decode_method(self) -> str | None:
        """The method that turns maps into cells; None if the task has no cells."""
        return self.decode.method or next(iter(TASKS[self.task].methods), None)

    def with_on_device(self, on_device: bool) -> Config:
        """Returns the configuration with this value of `data.on_device`, on which the random draws depend."""
        return self.model_copy(update={"data": self.data.model_copy(update={"on_device": on_device})})

    def with_decode_every(self, epochs: int) -> Config:
        """Returns the configuration with this value of `train.decode_every`, on which log.csv depends."""
        return self.model_copy(update={"train": self.train.model_copy(update={"decode_every": epochs})})

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
        if images * math.prod(size_of_deepest(self.model.filters, height, width)) > 1:
            return None
        key, deepest = "size" if self.data.size else "crop", 2 ** (len(self.model.filters) - 1)
        return (
            f"batch norm needs two values of each channel, and with data.{key} {height}×{width} the deepest of the "
            f"{len(self.model.filters)} levels of the network has one in each image, of which {images} goes through it "
            f"at once; take at least two (train.batch_size, train.accumulate), a data.{key} above {deepest}, or fewer "
            "model.filters"
        )

    @model_validator(mode="after")
    def _enough_for_batch_norm(self) -> Config:
        if problem := self.why_too_few_values(self.train.micro_batch_size(processes=1)):
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _min_lr_below_lr(self) -> Config:
        lowest = getattr(self.scheduler, "min_lr", 0.0)
        if lowest > self.optimizer.lr:
            raise ValueError(f"scheduler.min_lr {lowest} lies above optimizer.lr {self.optimizer.lr}")
        return self
