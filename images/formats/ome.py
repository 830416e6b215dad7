"""OME-XML, which microscopes write into TIFF files: its claims are checked before tifffile makes lists of that length.

Source: the OME-TIFF specification (https://ome-model.readthedocs.io/en/stable/ome-tiff/specification.html).
"""

from __future__ import annotations

import math
from xml.etree import ElementTree

from images.formats.headers import Refusal, damaged

MAX_TEXT, MAX_TAGS = 2**22, 50_000  # characters, and tags among them: parsing takes some 150 bytes for each tag
MAX_PLANES = 4096  # of all images together, as many as a file may have pages
SPLIT = "split it into single planes, one image per file"
AXES = "XYCZT"


def check_ome(text: str, *, height: int, width: int) -> None:
    """Refuses a description that claims more planes than are read, or planes in other files.

    Text that is no XML is passed over, as tifffile does.

    Args:
        text: the description of the first page.
        height, width: of the first page, in pixels.
    """
    if len(text) > MAX_TEXT or (tags := text.count("<")) > MAX_TAGS:
        sizes = f"{len(text)} characters" if len(text) > MAX_TEXT else f"{tags} tags"
        allowed = f"at most {MAX_TEXT} characters and {MAX_TAGS} tags are read"
        raise Refusal(f"an OME-XML description of {sizes}, {allowed}", fix="save the image without it")
    if "<!DOCTYPE" in text:  # it may define text that multiplies
        raise Refusal("an OME-XML description with a document type", fix="save the image without it")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return
    found = {"Pixels": 0, "TiffData": 0}  # planes of all elements of a kind
    elements = [(element.tag.rpartition("}")[2], element) for element in root.iter()]
    for name, element in elements:
        if name == "Pixels":
            planes = math.prod(_number(element, f"Size{axis}", 1) for axis in AXES) // (height * width)
            found[name] += max(planes, 1)
            _check_planes(found[name], ", ".join(f"Size{axis} {element.get(f'Size{axis}')}" for axis in AXES))
        elif name == "TiffData":
            for key in ("PlaneCount", "NumPlanes"):
                found[name] += _number(element, key, 0)
                _check_planes(found[name], f"{key} {element.get(key)}")
        elif name.startswith("ModuloAlong"):
            raise Refusal(f"a stack ({name} in its OME-XML)", fix=SPLIT)
    for kind in ("Pixels", "TiffData"):
        _check_planes(sum(name == kind for name, _ in elements), f"as many elements {kind}")
    files = {element.text for name, element in elements if name == "UUID"} - {root.get("UUID")}
    if len(files) > (root.get("UUID") is None):  # without a number of its own, a file may have any one
        raise Refusal("planes of this TIFF lie in other files", fix="save each image as one file")


def _number(element: ElementTree.Element, key: str, default: int) -> int:
    try:
        if (number := int(element.get(key, default))) >= 0:
            return number
        raise ValueError
    except ValueError:
        raise damaged("TIFF", f"its OME-XML has {key} {element.get(key)[:40]!r}") from None


def _check_planes(planes: int, where: str) -> None:
    if planes > MAX_PLANES:
        raise Refusal(f"a stack of {planes} planes (OME-XML: {where[:200]})", fix=SPLIT)


def channel_names(text: str) -> tuple[str, ...]:
    """The names of the channels of the first image, in their order; empty unless each of them has a name.

    Args:
        text: a description that `check_ome` has passed.
    """
    local_name = lambda element: element.tag.rpartition("}")[2]
    try:
        pixels = next((one for one in ElementTree.fromstring(text).iter() if local_name(one) == "Pixels"), ())
    except ElementTree.ParseError:
        return ()
    names = [element.get("Name") for element in pixels if local_name(element) == "Channel"]
    return tuple(names) if all(names) else ()
