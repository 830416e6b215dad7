"""The numbers of a configuration and their bounds. A number above its bound would end a run without a clear message."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

MOST = 2**31 - 1
MOST_WORKERS = 1024
MOST_CHANNELS = 128  # of an image; OpenCV, which cuts and flips images, takes no more
MOST_CROPS = 10**6  # of one image in an epoch; the order of an epoch is a list of all of them
SIDES = range(2, 16385)  # an augmented image of a single row has negative strides, which torch does not take

Count = Annotated[int, Field(gt=0, le=MOST)]
NumberFrom0 = Annotated[int, Field(ge=0, le=MOST)]
Crops = Annotated[int, Field(gt=0, le=MOST_CROPS)]
Pixels = Annotated[int, Field(gt=0, le=2**62)]
Seed = Annotated[int, Field(ge=0, le=2**64 - 1)]  # what torch takes
Folds = Annotated[int, Field(ge=2, le=10_000)]
SplitSeed = Annotated[int, Field(ge=0, le=2**32 - 1)]  # what scikit-learn takes
Width = Annotated[int, Field(gt=0, le=2**16)]  # of a level of a network
Radius = Annotated[float, Field(ge=1, le=100)]  # a pixel's neighbourhood has up to 4 · 100² pixels


def _check_size(size: object) -> object:
    sides = size if isinstance(size, list) and len(size) == 2 else [size]
    if not all(type(side) is int and side in SIDES for side in sides):
        raise ValueError(
            f"got {str(size)[:100]}; allowed is a side in pixels, such as 96, or [height, width], such as [96, 128], "
            f"each from {SIDES[0]} to {SIDES[-1]}"
        )
    return size


Size = Annotated[int | list[int], BeforeValidator(_check_size)]


def _auto_or(allowed: Callable[[object], bool], expected: str) -> BeforeValidator:
    def check(value: object) -> object:
        if value != "auto" and not allowed(value):
            raise ValueError(f"got {value!r}; expected auto, or {expected}")
        return value

    return BeforeValidator(check)


def _auto_or_number(least: int, most: int) -> BeforeValidator:
    expected = f"a whole number greater than or equal to {least}, and at most {most}"
    return _auto_or(lambda value: type(value) is int and least <= value <= most, expected)


Workers = Annotated[int | Literal["auto"], _auto_or_number(0, MOST_WORKERS)]
Rhythm = Annotated[int | Literal["auto"], _auto_or_number(1, MOST)]
Overlap = Annotated[int | Literal["auto"], _auto_or_number(0, MOST)]
ValImages = Annotated[
    int | Literal["auto"] | None,
    _auto_or(
        lambda value: value is None or (type(value) is int and 1 <= value <= MOST), "null, or a whole number from 1"
    ),
]
Choice = Annotated[bool | Literal["auto"], _auto_or(lambda value: type(value) is bool, "true or false")]


def _is_channel(value: object) -> bool:
    return (type(value) is int and 0 <= value < 2**16) or (type(value) is str and 0 < len(value) <= 200)


def _check_channels(value: object) -> object:
    listed = isinstance(value, list) and 0 < len(value) <= MOST_CHANNELS and all(map(_is_channel, value))
    listed = listed and len(set(value)) == len(value)
    if value != "auto" and not listed and not (type(value) is int and 1 <= value <= MOST_CHANNELS):
        raise ValueError(
            f"got {str(value)[:100]!r}; allowed are auto, a number of channels from 1 to {MOST_CHANNELS}, or a list "
            "without repeats of the channels that are taken from each file: their numbers (from 0) or their names, "
            "such as [0, 2] or [DAPI, GFP]"
        )
    return value


Channels = Annotated[int | str | list[int | str], BeforeValidator(_check_channels)]
PLANE = re.compile(r"([abd-z]=([0-9]{1,9}|max)|max)(,([abd-z]=([0-9]{1,9}|max)|max))*")


def _check_plane(value: object) -> object:
    if value is not None and not (type(value) is str and PLANE.fullmatch(value)):
        raise ValueError(
            f"got {str(value)[:100]!r}; allowed is one plane of each stack: z=3 (from 0), t=0,z=3, max (the brightest "
            "pixels along z) or t=0,max; each is for predict.py"
        )
    return value


Plane = Annotated[str | None, BeforeValidator(_check_plane)]
