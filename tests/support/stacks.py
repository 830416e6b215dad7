"""TIFF stacks for tests, in the ways in which ImageJ, tifffile and microscopes write them, and their pixels."""

import numpy as np
from support.image_files import PAGES, tif

RNG = np.random.default_rng(0)
TZCYX = RNG.integers(0, 60000, (2, 5, 3, 12, 20)).astype(np.uint16)
ZYX = TZCYX[0, :, 0]
SMALL = (ZYX >> 8).astype(np.uint8)
IMAGEJ, SHAPED, OME = {"imagej": True}, PAGES, PAGES | {"ome": True}
DEFLATE = {"compression": "deflate"}


def axes(letters, **more):
    return {"metadata": {"axes": letters} | more}


Z_STACKS = {
    "ImageJ": tif(ZYX, **IMAGEJ, **axes("ZYX")),
    "ImageJ, one directory": tif(ZYX, **IMAGEJ, **axes("ZYX"), truncate=True),
    "ImageJ, big endian, one directory": tif(ZYX, **IMAGEJ, **axes("ZYX"), truncate=True, byteorder=">"),
    "OME": tif(ZYX, **OME, **axes("ZYX")),
    "OME, deflate, tiles": tif(ZYX, **OME, **DEFLATE, tile=(16, 16), **axes("ZYX")),
    "shaped": tif(ZYX, **SHAPED, **axes("ZYX")),
    "shaped, deflate": tif(ZYX, **SHAPED, **DEFLATE, **axes("ZYX")),
    "shaped, one directory": tif(ZYX, **SHAPED, **axes("ZYX"), truncate=True),
    "shaped, with an axis of one": tif(ZYX[None], **SHAPED, **axes("TZYX")),
    "pages without a description": tif(ZYX, **SHAPED, metadata=None),
    "pages without axes": tif(ZYX, **SHAPED),
    "pages along two axes without names": tif(ZYX[:4].reshape(2, 2, 12, 20), **SHAPED),
}
