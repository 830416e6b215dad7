"""The size of a pixel in micrometres (µm), as a TIFF file or a person gives it. Nothing is guessed from the pixels.

A TIFF file may say it in three ways, which are tried in this order:

    OME-XML   PhysicalSizeX and PhysicalSizeY with their units; without a unit they are in µm
              (https://ome-model.readthedocs.io/en/stable/ome-tiff/specification.html)
    ImageJ    the tags XResolution and YResolution, in pixels per unit, and "unit=" in the description
    tags      XResolution and YResolution in pixels per inch or cm, as ResolutionUnit says (TIFF 6.0, section 8)
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from images.formats.headers import FORMATS
from images.formats.tiff import clear_errors
from images.formats.tiff_volume import open_tiff_volume
from images.opening import naming
from images.tiff_regions import MAX_PIXELS, MAX_SEGMENTS
from system.command_line import LARGEST_PIXEL, SMALLEST_PIXEL
from system.errors import FileError
from system.names import shown
from system.regular_file import require_regular

INCH, CENTIMETRE = 25_400.0, 10_000.0  # in µm
# Name of a unit → its length in µm. µ has two characters in Unicode, and so has Å.
MICROMETRES = {
    "m": 1e6,
    "dm": 1e5,
    "cm": CENTIMETRE,
    "mm": 1e3,
    "\u00b5m": 1.0,
    "\u03bcm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "nm": 1e-3,
    "pm": 1e-6,
    "\u00c5": 1e-4,
    "\u212b": 1e-4,
    "in": INCH,
    "inch": INCH,
    "inches": INCH,
}
NO_UNITS = ("", "pixel", "pixels", "reference frame")  # units that say that no size is known
# µm. Pixels per inch or cm are often defaults of a program, for a screen or a printer: 1, 72, 96, 150, 300 and 600 per
# inch are 25,400 to 42 µm. Nobody sees a cell at this scale, so that such a size is never taken from these tags.
COARSEST_BY_PRINT = 25.0
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296  # numbers of tags
UNITS_OF_TAG = {2: INCH, 3: CENTIMETRE}  # values of the last one; 1 is "no unit"


@dataclass(frozen=True)
class PixelSize:
    """The sides of one pixel.

    Attributes:
        height, width: the distance of two rows, and of two columns, in µm.
        source: who says so: "OME-XML", "ImageJ", "TIFF tags" or "given".
    """

    height: float
    width: float
    source: str

    @property
    def is_square(self) -> bool:
        """Whether both sides are the same, within a thousandth: files round them."""
        return math.isclose(self.height, self.width, rel_tol=1e-3)


Found = tuple[PixelSize | None, str]  # a size, and a warning that may be empty


def pixel_size_of(path: Path, *, given: float | None = None) -> Found:
    """Returns the pixel size of an image file, and a warning about values that were ignored.

    Args:
        path: any image. Only TIFF files say a size.
        given: µm per pixel, which wins against the file.

    Returns:
        The size, or None if the file does not say one that makes sense; and a warning, which is empty if there is
        nothing to say. No file raises an error here: one that cannot be read has no size.
    """
    if given is not None:
        return PixelSize(given, given, "given"), ""
    if path.is_dir():  # OME-Zarr
        return None, ""
    try:
        require_regular(path)
        with path.open("rb") as file, naming(str(path)):
            if FORMATS.get(file.read(4)) != "TIFF":
                return None, ""
            volume = open_tiff_volume(file, max_pixels=MAX_PIXELS, max_segments=MAX_SEGMENTS)
            with volume, clear_errors():
                return _of_page(volume.tiff.pages[0], turned=volume.orientation in (5, 6, 7, 8))
    except FileError as error:
        return None, f"no pixel size can be read ({error.found})"
    except OSError as error:
        return None, f"no pixel size can be read ({error.strerror})"


def _of_page(page: Any, *, turned: bool) -> Found:  # noqa: ANN401 - a type of tifffile, whose import is slow
    """The size that the first page of a file says.

    Args:
        turned: the file stores columns as rows.
    """
    resolution = [_per_unit(page, tag) for tag in (Y_RESOLUTION, X_RESOLUTION)]
    warnings, size = [], None
    if page.is_ome:
        size, warning = of_ome(page.description)
        warnings.append(warning)
    if size is None and page.description.startswith("ImageJ="):
        size, warning = of_imagej(page.description, resolution)
        warnings.append(warning)
    elif size is None:
        unit = page.tags.get(RESOLUTION_UNIT)
        size, warning = of_tags(resolution, 2 if unit is None else unit.value)
        warnings.append(warning)
    if size is not None and turned:
        size = PixelSize(size.width, size.height, size.source)
    return size, "; ".join(filter(None, warnings))


def _per_unit(page: Any, tag: int) -> float | None:  # noqa: ANN401
    """A resolution tag as pixels per unit; None if there is none, NaN if it is no number."""
    found = page.tags.get(tag)
    if found is None:
        return None
    value = found.value
    if not (isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, int) for part in value)):
        return math.nan
    return value[0] / value[1] if value[1] else math.nan


def of_ome(text: str) -> Found:
    """The size that OME-XML says, which `images.formats.ome.check_ome` has passed; of its first image."""
    local_name = lambda element: element.tag.rpartition("}")[2]
    try:
        pixels = next((one for one in ElementTree.fromstring(text).iter() if local_name(one) == "Pixels"), None)
    except ElementTree.ParseError:
        return None, ""
    if pixels is None:
        return None, ""
    sides = []
    for axis in "YX":
        name = f"PhysicalSize{axis}"
        if (value := pixels.get(name)) is None:
            continue
        unit = pixels.get(f"{name}Unit", "\u00b5m")
        if unit in NO_UNITS:
            return None, ""
        try:
            side = float(value) * MICROMETRES[unit]
        except (KeyError, ValueError):
            side = math.nan
        if not SMALLEST_PIXEL <= side <= LARGEST_PIXEL:
            return None, _ignored(f"{name} {value[:40]!r} {unit[:20]!r} of the OME-XML")
        sides.append(side)
    return (PixelSize(sides[0], sides[-1], "OME-XML") if sides else None), ""


def of_imagej(text: str, resolution: list[float | None]) -> Found:
    """The size that ImageJ's description and the resolution tags say.

    Args:
        resolution: pixels per unit along rows and columns, (y, x).
    """
    fields = dict(line.partition("=")[::2] for line in text.splitlines())
    unit_of_x = fields.get("unit", "")
    sides = []
    for per_unit, unit in zip(resolution, (fields.get("yunit", unit_of_x), unit_of_x), strict=True):
        unit = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), unit.strip())
        if unit in NO_UNITS or per_unit is None:
            return None, ""
        length = MICROMETRES.get(unit, math.nan)
        side = length / per_unit if per_unit else math.nan
        if length in UNITS_OF_TAG.values() and side > COARSEST_BY_PRINT:
            return None, ""  # ImageJ repeats the inches of the file that it opened
        if not SMALLEST_PIXEL <= side <= LARGEST_PIXEL:
            return None, _ignored(f"the resolution {per_unit:g} per {unit[:20]!r} of ImageJ")
        sides.append(side)
    return PixelSize(sides[0], sides[1], "ImageJ"), ""


def of_tags(resolution: list[float | None], unit: object) -> Found:
    """The size that the resolution tags say; the defaults of screens and printers are no size.

    Args:
        resolution: pixels per unit along rows and columns, (y, x).
        unit: the value of the tag ResolutionUnit.
    """
    length = UNITS_OF_TAG.get(unit) if isinstance(unit, int) else None
    if length is None or None in resolution:
        return None, ""
    sides = [length / per_unit if per_unit else math.nan for per_unit in resolution]
    if any(side > COARSEST_BY_PRINT for side in sides):
        return None, ""
    if not all(side >= SMALLEST_PIXEL for side in sides):
        values = " and ".join(f"{per_unit:g}" for per_unit in resolution)
        return None, _ignored(f"the resolution tags ({values} per {'inch' if length == INCH else 'cm'})")
    return PixelSize(sides[0], sides[1], "TIFF tags"), ""


def _ignored(what: str) -> str:
    return f"{shown(what)} makes no sense as a pixel size and is ignored"
