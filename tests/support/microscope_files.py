"""Writes small files of microscopes: with the packages of their makers where these write, and by hand for the others.

The layout of LIF and ND2 is that which Bio-Formats and other readers document. A file of a microscope holds much more
metadata; these hold what a reader needs.
"""

import struct

import numpy as np

MAGIC, NAME_OF_MAP = 0x0ABECEDA, b"ND2 FILEMAP SIGNATURE NAME 0001!"
LIGHT = {
    "pFluorescentProbe": {"m_uiColor": 0, "m_ExcitationSpectrum": {"uiCount": 0}, "m_EmissionSpectrum": {"uiCount": 0}}
}
LOOPS = {"T": 1, "P": 2, "Z": 4}  # numbers of the kinds of loops


def write_czi(path, planes, *, names=(), compression=None):
    """Writes {(axes as tuple of (letter, number), scene, corner): [h, w, 1 or 3] as RGB} to a CZI file."""
    from pylibCZIrw import czi

    with czi.create_czi(str(path)) as file:
        for (axes, scene, corner), pixels in planes.items():
            stored = pixels[..., ::-1] if pixels.shape[2] == 3 else pixels
            file.write(
                np.ascontiguousarray(stored),
                plane=dict(axes),
                scene=scene,
                location=corner,
                compression_options=compression,
            )
        file.write_metadata("test", channel_names=dict(enumerate(names)))


def write_zarr(path, array, axes, *, version=2, names=(), inside="0", **options):
    """Writes an array as an OME-Zarr image; `axes` are letters such as "tczyx"."""
    import zarr

    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    kinds = {"t": "time", "c": "channel"}
    described = {
        "multiscales": [
            {
                "axes": [{"name": axis, "type": kinds.get(axis, "space")} for axis in axes],
                "datasets": [{"path": inside}],
            }
        ],
        "omero": {"channels": [{"label": name} for name in names]},
    }
    group.attrs.update(described if version == 2 else {"ome": {"version": "0.5"} | described})
    options = {"chunks": tuple(min(length, 16) for length in array.shape)} | options
    group.create_array(inside, shape=array.shape, dtype=array.dtype, **options)[...] = array
    return path


def write_lif(path, images):
    """Writes arrays with the axes of their names, {name: (axes such as "TZCYX" or "YXS", array)}, to a LIF file."""
    elements, blocks = [], []
    for number, (name, (axes, array)) in enumerate(images.items(), start=1):
        elements.append(lif_element(name, axes, array, f"MemBlock_{number}"))
        identity = f"MemBlock_{number}".encode("utf-16-le")
        content = array.tobytes()
        header = struct.pack("<IIBQBI", 0x70, 14 + len(identity), 0x2A, len(content), 0x2A, len(identity) // 2)
        blocks.append(header + identity + content)
    text = (
        '<LMSDataContainerHeader Version="2"><Element Name="file" UniqueID="u"><Data><Experiment/></Data>'
        f'<Memory Size="0" MemoryBlockID="MemBlock_0"/><Children>{"".join(elements)}</Children></Element>'
        "</LMSDataContainerHeader>"
    )
    encoded = text.encode("utf-16-le")
    start = struct.pack("<IIBI", 0x70, len(encoded) + 5, 0x2A, len(text)) + encoded
    path.write_bytes(start + b"".join(blocks))
    return path


def lif_element(name, axes, array, block):
    """The XML of one image of a LIF file."""
    step = dict(zip(axes, array.strides, strict=True))
    length = dict(zip(axes, array.shape, strict=True))
    numbers = {"X": 1, "Y": 2, "Z": 3, "T": 4}
    dimensions = "".join(
        f'<DimensionDescription DimID="{numbers[axis]}" NumberOfElements="{length[axis]}" Origin="0" Length="1" '
        f'Unit="m" BitInc="0" BytesInc="{step[axis]}"/>'
        for axis in "XYZT"
        if axis in axes
    )
    values = "C" if "C" in axes else "S" if "S" in axes else None
    bits = 8 * array.itemsize
    channels = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="{number + 1 if values == "S" else 0}" Resolution="{bits}" '
        'NameOfMeasuredQuantity="" Min="0" Max="1" Unit="" LUTName="Green" IsLUTInverted="0" BitInc="0" '
        f'BytesInc="{number * step[values] if values else 0}"/>'
        for number in range(length[values] if values else 1)
    )
    return (
        f'<Element Name="{name}" UniqueID="{block}"><Data><Image><ImageDescription><Channels>{channels}</Channels>'
        f"<Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>"
        f'<Memory Size="{array.nbytes}" MemoryBlockID="{block}"/></Element>'
    )


def write_nd2(path, array, axes, *, names=()):
    """Writes an array with axes such as "TPZYXC" (loops, Y, X, channels of a pixel) to an ND2 file of version 3."""
    loops = [(axis, length) for axis, length in zip(axes, array.shape, strict=True) if axis in LOOPS]
    height, width, values = array.shape[-3:]
    frames = array.reshape(-1, height, width, values)
    attributes = {
        "uiWidth": width,
        "uiWidthBytes": width * values * array.itemsize,
        "uiHeight": height,
        "uiComp": values,
        "uiBpcInMemory": 8 * array.itemsize,
        "uiBpcSignificant": 8 * array.itemsize,
        "uiSequenceCount": len(frames),
        "eCompression": 2,
    }
    several = len(names) or 1
    planes = {
        f"a{n}": {"sDescription": name, "uiCompCount": values // several} | LIGHT
        for n, name in enumerate(names or ["x"])
    }
    metadata = {"bCalibrated": 1, "dCalibration": 1.0, "sPicturePlanes": {"uiCount": several, "sPlaneNew": planes}}
    chunks = {
        b"ImageAttributesLV!": encode("SLxImageAttributes", attributes),
        b"ImageMetadataSeqLV|0!": encode("SLxPictureMetadata", metadata),
        b"ImageMetadataLV!": encode("SLxExperiment", experiment(loops)) if loops else b"",
    }
    chunks |= {f"ImageDataSeq|{n}!".encode(): bytes(8) + frame.tobytes() for n, frame in enumerate(frames)}
    parts, places, offset = [], [], 0
    start = chunk(b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver3.0".ljust(64, b"\0"), 32)
    for part in [start, *(chunk(name, content, 4072) for name, content in chunks.items() if content)]:
        parts.append(part)
        places.append(offset)
        offset += len(part)
    listed = zip([name for name, content in chunks.items() if content], places[1:], parts[1:], strict=True)
    table = b"".join(name + struct.pack("<QQ", place, len(part)) for name, place, part in listed)
    end = struct.pack("<32sQ", b"ND2 CHUNK MAP SIGNATURE 0000001!", offset)
    path.write_bytes(b"".join(parts) + chunk(NAME_OF_MAP, table + end, 32))
    return path


def experiment(loops):
    """The nested loops of an ND2 file, the outer one first."""
    (axis, length), *inner = loops
    parameters = {"uiCount": length}
    if axis == "T":
        parameters |= {"dStart": 0.0, "dPeriod": 1.0, "dDuration": 1.0}
    elif axis == "Z":
        parameters |= {"dZStep": 1.0, "dZLow": 0.0, "dZHigh": 1.0, "iType": 0}
    else:
        points = {f"a{n}": {"dPosX": 0.0, "dPosY": 0.0, "dPosZ": 0.0} for n in range(length)}
        parameters |= {"Points": points}
    found = {"eType": LOOPS[axis], "uLoopPars": parameters}
    return found | ({"ppNextLevelEx": {"a": experiment(inner)}} if inner else {})


def chunk(name, content, reserved):
    return struct.pack("<IIQ", MAGIC, reserved, len(content)) + name.ljust(reserved, b"\0") + content


def encode(name, value):
    """One value of ND2's metadata: its type, its name, and its content."""
    title = (name + "\0").encode("utf-16-le")
    kind = {int: 3, float: 6, str: 8, dict: 11}[type(value)]
    start = struct.pack("BB", kind, len(name) + 1) + title
    if kind == 3:
        return start + struct.pack("<I", value)
    if kind == 6:
        return start + struct.pack("<d", value)
    if kind == 8:
        return start + (value + "\0").encode("utf-16-le")
    inside = b"".join(encode(key, inner) for key, inner in value.items())
    length = len(start) + 12 + len(inside)
    return start + struct.pack("<IQ", len(value), length) + inside + bytes(8 * len(value))
