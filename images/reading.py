"""Files → arrays. The project opens pixels nowhere else."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from images.class_maps import Palette, class_indices
from images.formats.headers import Header, bmp_header, check_palette, damaged, format_of, upright
from images.formats.jpeg import check_every_scan, jpeg_header
from images.formats.png import png_header, with_index_palette
from images.formats.tiff_volume import TiffVolume
from images.formats.volume import Volume
from images.microscope import is_microscope
from images.opening import DecodedImage, naming, open_volume, unreadable
from images.planes import IMAGE, TRUTH, Selection, select
from system.errors import FileError
from system.regular_file import require_regular

_set_log_level = cv2.setLogLevel if hasattr(cv2, "setLogLevel") else cv2.utils.logging.setLogLevel  # OpenCV 4, 5
_set_log_level(0)  # silent, because OpenCV's log lines do not name the file; the errors raised here do

OPENCV_4 = int(cv2.__version__.split(".")[0]) < 5  # OpenCV 4 does not report that rows of a JPEG are missing
EXTENSIONS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
MAX_PIXELS = 2**28  # 16384×16384: a larger image is a slide that should be cut up, or its header is wrong
BYTES_PER_PIXEL = 32  # a file that is read needs at most four channels of eight bytes
HEADERS = {"PNG": png_header, "JPEG": jpeg_header, "BMP": bmp_header}


def decode_image(data: bytes, name: str, *, max_pixels: int = MAX_PIXELS, selection: Selection = IMAGE) -> np.ndarray:
    """Bytes of an image file → [H, W, C] of its true dtype, turned upright by its EXIF tag.

    C is 1 (grey) or 3 (RGB) except for TIFF files, which may have any number of channels. Alpha is dropped. Palette
    indices become the palette's colours, or their grey values if all colours are grey. One bit per pixel becomes uint8
    {0, 255}, two and four bits are spread over 0 to 255, float16 and float64 become float32. Other values stay as
    stored.

    Args:
        data: a whole PNG, JPEG, TIFF or BMP file, which is recognised by its content.
        name: what messages call the file.
        max_pixels: the most pixels (H*W) that the header may claim; it is checked before anything is decoded.
        selection: the plane of a stack, and the channels.

    Raises:
        FileError: the file is empty, cut off, damaged, too large or no image; or the image is CMYK, does not have what
            is selected, is a stack without a selected plane, or has pixels that are not finite.
    """
    return _decode(data, name, max_pixels, selection)[0]


def decode_mask(data: bytes, name: str, *, threshold: float | None = None, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Bytes of a mask file, grey or with equal colour channels → [H, W] uint8 {0, 1}.

    A file whose only values are 0 and 1, 0 and 255, or 0 and 65535 needs no threshold and ignores it, unless it is a
    JPEG.

    Args:
        threshold: a share of the file's full range (255 for uint8, 65535 for uint16, 1 for float), above 0 and at most
            1; pixels of at least this value are foreground. None refuses soft masks and all JPEG masks.

    Raises:
        FileError: as `decode_image` does; or the mask is a stack, is coloured, or needs a threshold that was not given.
    """
    array, image_format = _decode(data, name, max_pixels)
    values = _single_channel(array, name, "a mask of 0 and 255 (or 0 and 1)")
    foreground = values != 0
    peak = values.max()
    if image_format != "JPEG" and peak in (0, 1, 255, 65535) and not (values[foreground] != peak).any():
        return foreground.view(np.uint8)
    if threshold is None:
        advice = "set data.mask_threshold (0.5 is half of the file's range), or save it thresholded, as PNG"
        if image_format == "JPEG":
            found = "a mask in JPEG, whose compression blurs values and outlines"
            raise FileError(name, found=found, fix=advice)
        different = np.unique(values)
        shown = ", ".join(str(value) for value in different[:6]) + (", …" if len(different) > 6 else "")
        allowed = "allowed are 0 and 255, 0 and 1, or 0 and 65535"
        raise FileError(name, found=f"mask values {shown}", fix=f"{allowed}: {advice}")
    full = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1.0
    return (values >= threshold * full).view(np.uint8)


def decode_labels(data: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Bytes of a label map → [H, W] instance ids, 0 is background: uint16 from files of up to 16 bits, else int32.

    Ids are the numbers as stored: palette indices rather than colours, values of small bit depths that are not spread
    over 0 to 255, and floats if they are whole numbers.

    Raises:
        FileError: as `decode_image` does; or the file is a JPEG, is coloured, or has values that cannot be ids:
            negative ones, fractions, or numbers above 2**31-1.
    """
    array, image_format = _decode(data, name, max_pixels, ids=True)
    if image_format == "JPEG":
        found = "a label map in JPEG, which does not keep ids"
        raise FileError(name, found=found, fix="save it as 16-bit PNG or TIFF")
    values = _single_channel(array, name, "a label map (one channel of instance ids)")
    low, high = values.min(), values.max()
    if low < 0 or high > np.iinfo(np.int32).max or (values.dtype.kind == "f" and (values % 1).any()):
        found, fix = f"values from {low} to {high}", "ids are whole numbers from 0 to 2**31-1: renumber it"
        raise FileError(name, found=found, fix=fix)
    return values.astype(np.uint16 if values.dtype.itemsize <= 2 and values.dtype.kind != "f" else np.int32)


def decode_class_map(
    data: bytes,
    name: str,
    *,
    palette: Palette,
    void: int | Sequence[int] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> np.ndarray:
    """Bytes of a class map → class indices [H, W] uint8, 255 (`system.void.VOID`) where the file has the value `void`.

    With a palette of numbers, values are read as `decode_labels` reads ids; with a palette of colours, as 8-bit RGB.

    Raises:
        FileError: as `decode_image` does; or the file is a JPEG, holds numbers where the palette has colours (or
            colours where it has numbers), or has values that the palette does not have.
    """
    if isinstance(palette[0], int):
        return class_indices(decode_labels(data, name, max_pixels=max_pixels), palette, void=void, name=name)
    array, image_format = _decode(data, name, max_pixels)
    if image_format == "JPEG" or array.dtype != np.uint8:
        found = "JPEG, which does not keep colours" if image_format == "JPEG" else f"{array.dtype} pixels"
        fix = "save it as 8-bit RGB, in PNG or TIFF"
        raise FileError(name, found=f"a class map of colours in {found}", fix=fix)
    if array.shape[2] not in (1, 3):
        raise FileError(name, found=f"a class map of colours with {array.shape[2]} channels", fix="save it as RGB")
    colours = np.broadcast_to(array, (*array.shape[:2], 3))  # a file whose colours are all grey has one channel
    return class_indices(colours, palette, void=void, name=name)


def read_image(path: Path, *, max_pixels: int = MAX_PIXELS, selection: Selection = IMAGE) -> np.ndarray:
    """The same as `decode_image`, for a path, which may also be an image of `images.microscope`.

    Of a stack, only the planes that are needed are read.
    """
    if selection.plane is not None or is_microscope(path):
        volume = open_volume(path, max_pixels=max_pixels)
        if volume is not None:
            with volume, naming(str(path)):
                return _finite(select(volume, selection, max_pixels=max_pixels), str(path))
    data = read_bytes(path, max_pixels=max_pixels)
    return decode_image(data, str(path), max_pixels=max_pixels, selection=selection)


def read_mask(path: Path, *, threshold: float | None = None, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """The same as `decode_mask`, for a path."""
    return decode_mask(read_bytes(path, max_pixels=max_pixels), str(path), threshold=threshold, max_pixels=max_pixels)


def read_bytes(path: Path, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """The whole file, if it is not larger than an image of `max_pixels` can be.

    Raises:
        FileError: the file is larger, it cannot be read, or it is a named pipe, a socket or a device.
    """
    most = max_pixels * BYTES_PER_PIXEL + 2**24  # the second term leaves room for metadata
    try:
        require_regular(path)
        if (size := path.stat().st_size) > most:
            allowed = f"at most {most} are read for {max_pixels} pixels"
            fix = f"{allowed}: raise data.max_pixels, or cut it into smaller images"
            raise FileError(str(path), found=f"{size} bytes", fix=fix, kind="unreadable")
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def _decode(
    data: bytes, name: str, max_pixels: int, selection: Selection = TRUTH, *, ids: bool = False
) -> tuple[np.ndarray, str]:
    """The array that `decode_image` returns, and the file's format. Label maps set `ids` for the numbers as stored."""
    with naming(name):
        image_format = format_of(data)
        if image_format == "TIFF":
            volume: Volume = TiffVolume(io.BytesIO(data), data, max_pixels=max_pixels, ids=ids)
        else:
            header = HEADERS[image_format](data, max_pixels)
            array = _decode_by_opencv(data, image_format, header, ids)
            volume = DecodedImage(np.ascontiguousarray(upright(array, header.orientation)))
        array = select(volume, selection, max_pixels=max_pixels)
    return _finite(array, name), image_format


def _finite(array: np.ndarray, name: str) -> np.ndarray:
    """The array, unless it has pixels that are not finite numbers."""
    if array.dtype.kind == "f" and (lost := array.size - np.count_nonzero(np.isfinite(array))):
        found = f"{lost} of {array.size} values are not finite numbers"
        raise FileError(name, found=found, fix="replace them (by 0, say)")
    return array


def _decode_by_opencv(data: bytes, image_format: str, header: Header, ids: bool) -> np.ndarray:
    """Whole PNG, JPEG or BMP file → [H, W, C] with C 1 or 3, not turned upright yet."""
    indexed = ids and header.palette is not None
    encoded = with_index_palette(header) if indexed else header.decodable
    if image_format == "JPEG" and (encoded is data or OPENCV_4):
        check_every_scan(data)
    try:
        array = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # the image has more pixels than OpenCV allows
        array = None
    if array is None or array.shape[:2] != (header.height, header.width):
        raise damaged(image_format, f"its {len(data)} bytes do not decode")
    if array.ndim == 2:
        array = array[..., None]
    elif header.grey or indexed:
        array = array[..., :1]
    else:
        array = cv2.cvtColor(array, cv2.COLOR_BGR2RGB if array.shape[2] == 3 else cv2.COLOR_BGRA2RGB)
        from_palette = header.palette is not None or (image_format == "BMP" and header.depth <= 8)
        if from_palette and (array == array[..., :1]).all():
            array = array[..., :1]
    if indexed:
        check_palette(array, np.frombuffer(header.palette, np.uint8).reshape(-1, 3))
    elif ids and header.depth < 8 and image_format == "PNG":
        array = array // (255 // (2**header.depth - 1))
    return array


def _single_channel(array: np.ndarray, name: str, expected: str) -> np.ndarray:
    """[H, W, C] with equal channels → [H, W]; refuses colours. `expected` says in the error what the file should be."""
    if array.shape[2] not in (1, 3):
        raise FileError(name, found=f"{array.shape[2]} channels where {expected} is expected", fix="save it with one")
    if array.shape[2] == 3 and (array != array[..., :1]).any():
        found = f"a coloured image where {expected} is expected"
        raise FileError(name, found=found, fix="save it as one grey channel")
    return array[..., 0]
