"""Which part of an image file is the image: one plane of a stack, and channels of it. Nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from images.formats.headers import Refusal
from images.formats.volume import UNKNOWN, Volume
from system.errors import ConfigError

VALUES_AT_ONCE, VALUES_READ = 4, 16  # for each pixel that may be read: of one plane, and of all planes of a projection


@dataclass(frozen=True)
class PlaneChoice:
    """A plane, as `parse_plane` reads it.

    Attributes:
        numbers: (letter of an axis, number of the plane along it, from 0).
        brightest: axes along which the brightest pixel is taken.
        every: axes along which each plane is an image of its own.
        every_other: each plane along all axes that are not named is an image of its own.
    """

    numbers: tuple[tuple[str, int], ...] = ()
    brightest: tuple[str, ...] = ()
    every: tuple[str, ...] = ()
    every_other: bool = False

    @property
    def named(self) -> tuple[str, ...]:
        """The axes that are named."""
        return (*(axis for axis, _ in self.numbers), *self.brightest, *self.every)

    @property
    def is_one(self) -> bool:
        """Whether it chooses one image from each file."""
        return not self.every and not self.every_other

    def __str__(self) -> str:
        parts = [f"{axis.lower()}={number}" for axis, number in self.numbers]
        parts += [f"{axis.lower()}=max" for axis in self.brightest] + [f"{axis.lower()}=each" for axis in self.every]
        return ",".join(parts + ["each"] * self.every_other)


def parse_plane(text: str) -> PlaneChoice:
    """Reads a plane such as "z=3", "t=0,z=3", "max", "t=0,max", "each" or "each,max". Numbers count from 0.

    "max" alone stands for z=max. "each" alone stands for all axes that are not named.

    Raises:
        ConfigError: the text is none of these, or it names an axis twice.
    """
    choice = PlaneChoice()
    for part in text.replace(" ", "").lower().split(","):
        axis, equals, value = ("z", "=", "max") if part == "max" else part.partition("=")
        if part == "each":
            choice = replace(choice, every_other=True)
        elif not re.fullmatch("[abd-z]", axis) or not equals or not re.fullmatch("[0-9]{1,9}|max|each", value):
            raise ConfigError(
                f"plane {text!r}: {part!r} is not known; planes are z=3 (from 0), t=0,z=3, max (the brightest of z), "
                "t=0,max, or each"
            )
        elif axis.upper() in choice.named:
            raise ConfigError(f"plane {text!r}: the axis {axis} is there twice")
        elif value == "max":
            choice = replace(choice, brightest=(*choice.brightest, axis.upper()))
        elif value == "each":
            choice = replace(choice, every=(*choice.every, axis.upper()))
        else:
            choice = replace(choice, numbers=(*choice.numbers, (axis.upper(), int(value))))
    return choice


@dataclass(frozen=True)
class Selection:
    """Which pixels of a file are the image.

    Attributes:
        plane: see `parse_plane`; None refuses stacks.
        channels: numbers (from 0) or names of channels, in the order that they get; None takes all.
        pages: how many pages without a description are channels: a number, "any", or None, which refuses them. With a
            plane such pages are planes along z.
        of_image: whether it is of an image; else of a mask or a label map, for which no plane can be chosen.
    """

    plane: str | None = None
    channels: tuple[int | str, ...] | None = None
    pages: int | str | None = None
    of_image: bool = True


IMAGE, TRUTH = Selection(), Selection(of_image=False)


def select(volume: Volume, selection: Selection, *, max_pixels: int) -> np.ndarray:
    """Decodes the selected part of a file: [H, W, C] of its dtype.

    Args:
        max_pixels: what is decoded may have 4 values for each of so many pixels, and 16 if planes are compared.

    Raises:
        Refusal: the file does not have the plane or the channels; it is a stack and no plane is chosen; or so many
            values are not read.
    """
    indices, as_channels = indices_of(volume, selection)
    of_one = volume.size[0] * volume.size[1] * volume.channels
    most, needed = max_pixels * VALUES_AT_ONCE, of_one * (len(indices) if as_channels else 1)
    if needed > most or of_one * len(indices) > max_pixels * VALUES_READ:
        height, width = volume.size
        raise Refusal(
            f"{len(indices)} planes of {height}×{width} pixels (H×W) and {volume.channels} channels",
            fix=f"at most {most} values of an image are read, and {max_pixels * VALUES_READ} of a projection: cut it "
            "into smaller images, or raise data.max_pixels if the file is what it should be",
        )
    array = volume.read(indices[0])
    if as_channels:
        array = np.concatenate([array, *(volume.read(index) for index in indices[1:])], axis=-1)
    else:
        for index in indices[1:]:
            array = np.maximum(array, volume.read(index))
    numbers = channel_numbers(selection.channels, array.shape[-1], () if as_channels else volume.channel_names)
    return array if numbers is None else np.ascontiguousarray(array[..., numbers])


def indices_of(volume: Volume, selection: Selection) -> tuple[list[dict[str, int]], bool]:
    """Returns the planes of a selected image, as `Volume.read` takes them, and whether they are its channels.

    Several planes that are not its channels are compared, and the brightest pixels are taken.

    Raises:
        Refusal: as `select` does.
    """
    axes = volume.stacked
    if selection.plane is None:
        if not axes:
            return [{}], False
        if selection.of_image and list(axes) == [UNKNOWN] and selection.pages in ("any", axes[UNKNOWN]):
            return [{UNKNOWN: number} for number in range(axes[UNKNOWN])], True
        raise Refusal(f"a stack of {described(axes)}", fix=_remedy(axes, selection.of_image))
    choice, own = parse_plane(selection.plane), UNKNOWN if "Z" not in axes and UNKNOWN in axes else "Z"
    named = {own if axis == "Z" else axis for axis in choice.named}
    absent = [axis for axis, _ in choice.numbers if (own if axis == "Z" else axis) not in axes]
    absent += [
        axis for axis in (*choice.brightest, *choice.every) if axes and (own if axis == "Z" else axis) not in axes
    ]
    if absent:
        found = f"no axis {absent[0].lower()}, which the plane {selection.plane!r} needs: the file has "
        raise Refusal(found + (described(axes) if axes else "one plane"), fix=_choose(axes))
    if not choice.is_one:
        raise Refusal(f"the plane {selection.plane!r} is not one image", fix="choose one, such as z=0 or max")
    if missing := [axis for axis in axes if axis not in named]:
        found = f"a stack of {described(axes)}, and the plane {selection.plane!r} does not say which "
        raise Refusal(found + ", ".join(_word(axis) for axis in missing), fix=_choose(axes))
    index = {}
    for axis, number in choice.numbers:
        axis = own if axis == "Z" else axis
        if number >= axes[axis]:
            found = f"no plane {_word(axis)}={number}: the file has {described(axes)}"
            raise Refusal(found, fix=f"the last is {_word(axis)}={axes[axis] - 1}, because planes are counted from 0")
        index[axis] = number
    wanted = [axis for axis in axes if axis not in index]
    numbers = product(*(range(axes[axis]) for axis in wanted))
    return [index | dict(zip(wanted, places, strict=True)) for places in numbers], False


def planes_along(axes: Mapping[str, int], plane: str) -> dict[str, str]:
    """Returns the single images that `plane` chooses from a file: the name of each, such as "t001_z003" → its plane.

    There is one, and its name is "", if the plane has no "each" or if the file is no stack.

    Args:
        axes: `Volume.stacked` of the file; empty for a plain image.
    """
    choice = parse_plane(plane)
    if choice.is_one or not (axes or choice.numbers):
        return {"": plane if choice.is_one else "max"}
    known = {("Z" if axis == UNKNOWN and "Z" not in axes else axis): length for axis, length in axes.items()}
    every = [axis for axis in known if axis in choice.every or (choice.every_other and axis not in choice.named)]
    rest = replace(choice, every=tuple(axis for axis in choice.every if axis not in known), every_other=False)
    found = {}
    for places in product(*(range(known[axis]) for axis in every)):
        one = tuple(zip(every, places, strict=True))
        name = "_".join(f"{axis.lower()}{number:03d}" for axis, number in one)
        found[name] = str(replace(rest, numbers=(*rest.numbers, *one)))
    return found


def channel_numbers(channels: Sequence[int | str] | None, count: int, names: Sequence[str]) -> list[int] | None:
    """Returns the numbers of selected channels; None for all.

    Args:
        channels: see `Selection`.
        count: how many channels the file has.
        names: what the file calls them; empty if it names none.

    Raises:
        Refusal: there is no such channel, or a name stands for several.
    """
    if channels is None:
        return None
    has = f"{count} channel{'s' * (count > 1)}" + (f" ({', '.join(names)})" if names else ", which have no names")
    numbers = [channel for channel in channels if isinstance(channel, int)]
    for name in channels:
        if isinstance(name, str) and (found := list(names).count(name)) != 1:
            problem = f"several channels {name!r}" if found else f"no channel {name!r}"
            raise Refusal(f"{problem}: it has {has}", fix="take names that the file has, or numbers")
    if beyond := [number for number in numbers if number >= count]:
        fix = f"the last is {count - 1}, because channels count from 0"
        raise Refusal(f"no channel {beyond[0]}: it has {has}", fix=fix)
    return [one if isinstance(one, int) else list(names).index(one) for one in channels]


def described(axes: dict[str, int]) -> str:
    """Returns the axes of a stack for messages, such as "15 planes (t 3, z 5)"."""
    count = int(np.prod(list(axes.values())))
    if list(axes) == [UNKNOWN]:
        return f"{count} pages without a description of what they are"
    return f"{count} planes ({', '.join(f'{_word(axis)} {length}' for axis, length in axes.items())})"


def _word(axis: str) -> str:
    return "z" if axis == UNKNOWN else axis.lower()


def _remedy(axes: dict[str, int], of_image: bool) -> str:
    if not of_image:
        return "masks and label maps have one plane: save the plane that belongs to the image"
    if list(axes) == [UNKNOWN]:
        taken = f'a training takes data.channels: {axes[UNKNOWN]}, and a prediction one of them by --channels "[0]"'
        return f"if they are planes, {_choose(axes)}; if they are channels, {taken}"
    return _choose(axes)


def _choose(axes: dict[str, int]) -> str:
    one = ",".join(f"{_word(axis)}=0" for axis in axes)
    if not axes:
        return "leave the plane out, or take max or each, which plain images have too"
    most = f", {_most(axes)} (the brightest)" if "Z" in axes or UNKNOWN in axes else ""
    return f"choose with data.plane or --plane: {one} (from 0){most}, or each (predict.py: one result for each plane)"


def _most(axes: dict[str, int]) -> str:
    others = [f"{_word(axis)}=0" for axis in axes if axis not in ("Z", UNKNOWN)]
    return ",".join([*others, "max"])
