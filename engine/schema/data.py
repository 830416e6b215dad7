"""The section `data` of a configuration: which images are read, how, and which of them train."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from engine.schema.augment import Augment, AugmentConfig
from engine.schema.numbers import (
    Channels,
    Choice,
    Crops,
    Folds,
    NumberFrom0,
    Overlap,
    Pixels,
    Plane,
    Radius,
    Size,
    SplitSeed,
    ValImages,
)
from engine.schema.optimisers import Fraction
from engine.schema.section import Section


def _pair(size: int | list[int] | None) -> tuple[int, int] | None:
    return (size, size) if isinstance(size, int) else size and tuple(size)


class DataConfig(Section):
    root: str  # the data folder, relative to the root of the repository
    size: Size | None = None  # the network sees the whole image, resized to this size …
    crop: Size | None = None  # … or it sees windows of this size at native scale
    crops_per_image: Crops = 1  # number of windows of each image in every epoch
    overlap: NumberFrom0 | None = None  # pixels between the tiles of val.py and predict.py; None: a share of a tile
    val_overlap: Overlap = "auto"  # pixels between the tiles that validate while training
    channels: Channels = "auto"  # how many, or the numbers or names of those that are taken from each file
    plane: Plane = None  # of a stack; None refuses stacks
    intensity: Literal["native", "image", "run"] = "native"  # which images are stretched, and between which values
    truth: Literal["auto", "masks", "labels", "classes"] = "auto"  # what the files of the truth are
    mask_threshold: Fraction | None = None  # where soft masks are cut, as a share of their full range
    border_radius: Radius = 2.5  # of task: border, in pixels of the network's input
    max_pixels: Pixels = 2**28  # larger images are refused before they are decoded
    normalise: Literal["dataset", "imagenet"] = "dataset"  # whose mean and standard deviation
    val_images: ValImages = "auto"  # how many images validate while training; None: all
    val_fraction: Fraction = 0.2  # share of the images that validates, drawn with split_seed
    split_seed: SplitSeed = 41
    split: Literal["random", "grouped"] = "random"  # what is drawn: images, or groups such as the tiles of one field
    folds: Folds | None = None  # divide the images into so many folds instead …
    fold: NumberFrom0 | None = None  # … of which this one validates, from 0
    test_fraction: Fraction | None = None  # share of the images that is drawn first, for a test part
    split_file: str | None = None  # a CSV file with the columns id,split; it takes the place of all of these
    crop_sampling: Literal["image", "area", "balanced"] = "image"  # how the windows are shared out among the images
    augment: Augment = True  # flips, turns, and changes of colour and brightness; or a section with further changes
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
        return self.overlap if self.overlap is not None else min(self.tile) // 2  # None: of older runs

    @property
    def changes(self) -> dict[str, object]:
        """The random changes that the section `augment` adds, see `AugmentConfig.values`."""
        return self.augment.values() if isinstance(self.augment, AugmentConfig) else {}

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
    def _changes_on_the_host(self) -> DataConfig:
        if self.on_device is True and self.changes:
            raise ValueError(
                f"on_device: true augments in batches, which has no {', '.join(self.changes)}; set on_device: false or "
                "auto, or augment: true"
            )
        return self

    @model_validator(mode="after")
    def _one_geometry(self) -> DataConfig:
        if (self.size is None) == (self.crop is None):
            given = "both are" if self.size else "neither is"
            raise ValueError(
                f"{given} given; choose one: size (whole images, resized to it) or crop (windows at native scale)"
            )
        overlaps = [overlap for overlap in (self.overlap, self.val_overlap) if overlap not in (None, "auto")]
        if self.crop is None and (overlaps or self.crops_per_image > 1):
            raise ValueError("overlap, val_overlap and crops_per_image belong to crop; with size there are no tiles")
        if self.crop is None and self.crop_sampling != "image":
            raise ValueError("crop_sampling belongs to crop; with size the network sees every image once in an epoch")
        if self.crop_sampling == "area" and self.crops_per_image == 1:
            raise ValueError(
                "crop_sampling: area gives every image at least one window, so that crops_per_image: 1 leaves none to "
                "share out; raise crops_per_image, such as to 4"
            )
        if self.crop is not None and max(overlaps, default=0) >= min(self.tile):
            raise ValueError(f"an overlap of {max(overlaps)} must be smaller than the crop, {self.crop}")
        return self

    @model_validator(mode="after")
    def _one_split(self) -> DataConfig:
        if self.split_file is not None and (self.folds, self.fold, self.test_fraction) != (None, None, None):
            raise ValueError("split_file names all parts; leave folds, fold and test_fraction out, or split_file")
        if self.folds is None and self.fold is not None:
            raise ValueError(f"fold {self.fold} needs folds, the number of them; set folds: 5, or leave fold out")
        if self.folds is not None and (self.fold is None or self.fold >= self.folds):
            given = f"fold {self.fold} is not among them" if self.fold is not None else "no fold is given"
            raise ValueError(
                f"folds {self.folds}: {given}; set fold to the one that validates, from 0 to {self.folds - 1}"
            )
        if self.folds is None and self.val_fraction + (self.test_fraction or 0) >= 1:
            raise ValueError(
                f"val_fraction {self.val_fraction} and test_fraction {self.test_fraction} leave no image to train "
                "with; lower one, so that their sum is below 1"
            )
        return self
