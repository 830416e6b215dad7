"""Random label maps for tests of measurements, and what scikit-image measures of them.

The maps have touching, cut, hollow, scattered and one-pixel cells, and ids with gaps.
"""

import numpy as np
import tifffile
from skimage.measure import regionprops_table

LARGEST = 2**31 - 1
# What says the size of a pixel in a TIFF → µm between rows, and between columns.
PIXEL_SIZES = {"TIFF tags": (0.5, 0.5), "OME-XML": (0.65, 0.325), "ImageJ": (0.2, 0.2)}
PROPERTIES = (
    "label",
    "area",
    "equivalent_diameter_area",
    "centroid",
    "bbox",
    "perimeter",
    "axis_major_length",
    "axis_minor_length",
    "eccentricity",
    "orientation",
    "solidity",
    "intensity_mean",
    "intensity_min",
    "intensity_max",
    "intensity_std",
)
OF_SPACING = ("area", "equivalent_diameter_area", "axis_major_length", "axis_minor_length")


def random_labels(seed):
    """[H, W] of some integer dtype. Every third map is noise, whose cells are scattered over the whole image."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 70, 2)
    if seed % 3 == 2:
        labels = rng.integers(0, rng.integers(2, 30), (height, width))
    else:
        labels = np.zeros((height, width), np.int64)
        rows, columns = np.indices(labels.shape)
        for number in range(1, rng.integers(2, 40)):
            y, x = rows - rng.uniform(0, height), columns - rng.uniform(0, width)
            angle, stretch = rng.uniform(0, np.pi), rng.uniform(0.4, 2.5)
            along, across = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
            distance = np.hypot(along * stretch, across / stretch)
            radius = rng.uniform(0.5, 15)
            inner = rng.choice([0, 0.5]) * radius  # a ring, through which other cells are seen
            labels[(distance <= radius) & (distance >= inner)] = number
    if not labels.any():
        labels[0, 0] = 1
    if seed % 2:  # ids with gaps, up to the largest one that a label map may have
        labels = np.r_[0, np.sort(rng.choice(LARGEST - 1, labels.max() - 1, replace=False)) + 1, LARGEST][labels]
    return labels.astype([np.int32, np.uint32, np.int64, np.uint64][seed % 4])


def random_pixels(seed, shape):
    """[H, W, C] of one to three channels: 8 or 16 bits, or floats with little variation around a large value."""
    rng = np.random.default_rng(seed)
    shape = (*shape, rng.integers(1, 4))
    if seed % 3 == 0:
        return rng.normal(50_000, 0.01, shape)
    return rng.integers(0, 2 ** (8 * (seed % 3)), shape).astype((None, np.uint8, np.uint16)[seed % 3])


def by_scikit_image(labels, pixels=None, properties=PROPERTIES, **options):
    """scikit-image cannot measure large ids, so that it gets the numbers 1 … n."""
    ids, numbers = np.unique(np.append(0, labels), return_inverse=True)
    table = regionprops_table(numbers[1:].reshape(labels.shape), pixels, properties=properties, **options)
    return table | ({"label": ids.astype(np.int64)[table["label"]]} if "label" in table else {})


def compare(found, expected, rtol=1e-9):
    """Fails where a column differs; whole numbers must be equal."""
    for name, values in expected.items():
        if name.startswith("axis"):  # their squares are what is computed; a root turns 1e-16 into 1e-8
            np.testing.assert_allclose(found[name] ** 2, values**2, rtol=rtol, atol=1e-9, err_msg=name)
        elif name == "orientation":  # a round cell has none, and an axis has two directions
            oblong = expected["eccentricity"] > 1e-3
            apart = np.abs(found[name] - values)[oblong]
            np.testing.assert_allclose(np.minimum(apart, np.pi - apart), 0, atol=1e-9)
        elif found[name].dtype.kind == "i":
            assert np.array_equal(found[name], values), name
        else:
            np.testing.assert_allclose(found[name], values, rtol=rtol, atol=1e-12, err_msg=name)


def write_image(path, pixels, kind):
    """Writes [H, W, C] as a TIFF whose metadata of one kind state the size of a pixel."""
    height, width = PIXEL_SIZES[kind]
    if kind == "TIFF tags":  # pixels per centimetre
        tifffile.imwrite(path, pixels[..., 0], resolution=(1e4 / width, 1e4 / height), resolutionunit="CENTIMETER")
    elif kind == "OME-XML":
        sizes = {"PhysicalSizeX": width, "PhysicalSizeY": height}
        tifffile.imwrite(path, np.moveaxis(pixels, 2, 0), ome=True, metadata={"axes": "CYX"} | sizes)
    else:
        tifffile.imwrite(
            path,
            np.moveaxis(pixels, 2, 0),
            imagej=True,
            resolution=(1 / width, 1 / height),
            metadata={"axes": "CYX", "unit": "micron"},
        )
