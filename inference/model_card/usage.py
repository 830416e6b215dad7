"""Says in words what happens before and after the network, for people without this program."""

from __future__ import annotations

from dataclasses import fields

from images.image_reader import CONVERTIBLE, ImageReader
from images.intensity import LUMINANCE, PERCENTILES
from inference.cells.decoding import METHODS, Decoding
from inference.model_card.facts import InputFacts, OutputFacts

PIXELS = "pixels"  # the name of the input of an exported network: [N, C, height, width] float32 from 0 to 255
LOGITS = "logits"  # the name of its output: [N, K, height, width] float32


def steps_before(seen: InputFacts) -> list[str]:
    """Returns what to do with an image before it goes into the network, one sentence or more for each step."""
    return [_channels(seen.reader), _intensity(seen.reader), _geometry(seen)]


def step_inside(seen: InputFacts) -> str:
    """Returns what the exported file does itself, so that nobody does it twice."""
    mean, std = (", ".join(f"{value:.6g}" for value in values) for values in (seen.normalise.mean, seen.normalise.std))
    return (
        f"The file itself computes (pixel / 255 − mean) / std with mean {mean} and std {std}. "
        "Do not normalise the pixels before."
    )


def steps_after(seen: InputFacts, made: OutputFacts) -> list[str]:
    """Returns what to do with the logits, one sentence or more for each step."""
    if seen.overlap is None:
        joined = "Resize the logits to the size of the image, each channel as the image was resized."
    else:
        joined = (
            "Where tiles overlap, take the weighted mean of the logits. The weight of a tile falls linearly to its "
            f"edges, over {seen.overlap} pixels."
        )
    over = " over the channels" if made.activation == "softmax" else " of each channel"
    maps = f"The {made.activation}{over} gives maps in [0, 1]: {', '.join(made.channels)}."
    if made.threshold is None:
        masks = "Each pixel belongs to the class with the largest logit."
    else:
        masks = f"A pixel belongs to {', '.join(made.classes)} where the map is above {made.threshold:g}."
    return [joined, maps, masks, *([] if made.decoding is None else [_cells(made.decoding)])]


def _channels(reader: ImageReader) -> str:
    count = f"The network sees {reader.channels} channel{'s' * (reader.channels > 1)}"
    if reader.select is not None:
        return f"{count}: {', '.join(map(str, reader.select))} of the file, in this order."
    if reader.channels not in CONVERTIBLE:
        return f"{count}, in the order of the files that it was trained with."
    if reader.channels == 1:
        weights = " + ".join(f"{factor} {name}" for factor, name in zip(LUMINANCE, "RGB", strict=True))
        return f"{count}, grey. Colours become their luminance, {weights}."
    return f"{count}: red, green, blue. A grey image is repeated three times."


def _intensity(reader: ImageReader) -> str:
    if reader.limits is not None:
        return f"The values {reader.limits} become 0 and 255. Values between are scaled linearly, rounded, and clipped."
    each = "each channel of each image" if reader.per_channel else "each image, over its channels,"
    stretch = (
        f"the {PERCENTILES[0]} and {PERCENTILES[1]} percentiles of {each} become 0 and 255. Values between are scaled "
        "linearly and rounded, and values outside are clipped."
    )
    if reader.intensity == "native":
        return f"8-bit pixels stay as they are. Of pixels of other types, {stretch}"
    return stretch[0].upper() + stretch[1:]


def _geometry(seen: InputFacts) -> str:
    height, width = seen.size
    if seen.overlap is None:
        return (
            f"The whole image is resized to {height}×{width}: by pixel area to shrink it, and bilinear to enlarge it."
        )
    return (
        f"The image stays at its own scale and is cut into tiles of {height}×{width} that overlap by at least "
        f"{seen.overlap} pixels. An image that is smaller is mirrored at its lower and right edge."
    )


def _cells(how: Decoding) -> str:
    method = METHODS[how.method]
    names = [one.name for one in fields(how)[1:] if one.name != "seed_threshold" or method.uses_seed_threshold]
    values = ", ".join(f"{name} {getattr(how, name)}" for name in names)
    return (
        f"Cells: the foreground is where the first map is above foreground_threshold. {method.rule} Seeds are "
        f"components of {method.connectivity} neighbours with at least min_seed pixels. Foreground without a "
        f"seed and cells below min_area pixels are dropped, and holes are filled. The parameters are: {values}."
    )
