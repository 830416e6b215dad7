"""No other module of the project than the reader opens pixels."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
READER = {"images/reading.py", "images/formats/jpeg.py", "images/formats/tiff.py", "images/formats/tiff_volume.py"}
MICROSCOPES = {  # file → the only package that it takes
    "images/microscope/leica.py": "liffile",
    "images/microscope/nikon.py": "nd2",
    "images/microscope/ome_zarr.py": "zarr",
    "images/microscope/zeiss.py": "pylibCZIrw",
}
WRITER = "images/writing.py"  # takes Pillow's class of images to save arrays, and nothing else of Pillow
LABEL_WRITER = "images/labels/label_tiff.py"  # takes tifffile's writer, and nothing else of tifffile
ZARR_WRITER = "inference/other_tools/ome_zarr.py"  # takes zarr to make new groups, and opens none
OUTSIDE = {"tests", "benchmarks", "inputs", "outputs", "venv", "build"}  # the first two look at files in their own way
PACKAGES = {"tifffile", "PIL", "imageio", "skimage.io", "torchvision.io", "torchvision.datasets", "imagecodecs"}
PACKAGES |= set(MICROSCOPES.values()) | {"czifile", "readlif", "bioio", "aicsimageio"}
CALLS = {"imread", "imreadmulti", "imreadanimation", "imdecode", "imdecodemulti", "imdecodeanimation", "imcount"}
CALLS |= {"read_file", "decode_image", "decode_png", "decode_jpeg", "open_tiff"}  # the last is of images.formats.tiff
OURS = {"decode_image"}  # of images.reading


def taken_by(node):
    """Yields the packages and the functions for opening pixels that one node of Python source uses."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        if node.module != "images.reading":
            yield from (alias.name for alias in node.names if alias.name in CALLS)
    else:
        names = []
        if isinstance(node, ast.Attribute) and node.attr in CALLS - OURS:
            yield node.attr
    yield from (n for n in names if any(n == p or n.startswith(p + ".") for p in PACKAGES))


def strays(source):
    """Yields the packages and the functions for opening pixels that Python source uses."""
    for node in ast.walk(ast.parse(source)):
        yield from taken_by(node)


def strays_of_the_writer(source):
    """Does what `strays` does, but allows `from PIL import Image` and `Image.fromarray`, and no other `Image`."""
    nodes = list(ast.walk(ast.parse(source)))
    saving = [node.value for node in nodes if isinstance(node, ast.Attribute) and node.attr == "fromarray"]
    for node in nodes:
        if isinstance(node, ast.Name) and node.id == "Image" and node not in saving:
            yield "Image"
        if not (isinstance(node, ast.ImportFrom) and ast.unparse(node) == "from PIL import Image"):
            yield from taken_by(node)


def calls_of(package, source):
    """Returns the attributes of a package that Python source uses."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
    return {node.attr for node in nodes if isinstance(node.value, ast.Name) and node.value.id == package}


def test_only_the_reader_opens_pixels():
    names = [path.relative_to(ROOT) for path in sorted(ROOT.rglob("*.py"))]
    names = [name for name in names if name.parts[0] not in OUTSIDE and not any(p.startswith(".") for p in name.parts)]
    sources = {name.as_posix(): (ROOT / name).read_text(encoding="utf-8") for name in names}
    assert len(sources) >= 35
    assert set(sources) >= READER | {"train.py", "val.py", "inference/files/score_report.py"}
    found = {name: list(strays(source)) for name, source in sources.items()}
    assert {
        name: what
        for name, what in found.items()
        if what and name not in READER | {WRITER, LABEL_WRITER, ZARR_WRITER, *MICROSCOPES}
    } == {}
    assert found[WRITER] == ["PIL", "PIL.Image"]
    assert list(strays_of_the_writer(sources[WRITER])) == []
    assert found[LABEL_WRITER] == ["tifffile", "tifffile.TiffWriter"]
    assert found[ZARR_WRITER] == ["zarr"]
    assert calls_of("zarr", sources[ZARR_WRITER]) == {"create_group"}
    for name, package in MICROSCOPES.items():
        assert {what.split(".")[0] for what in found[name]} == {package}
    assert found["images/reading.py"] == ["imdecode"]
    assert found["images/formats/tiff.py"] == ["tifffile"]
    assert found["images/formats/tiff_volume.py"] == ["open_tiff"]
    assert set(found["images/formats/jpeg.py"]) == {"imagecodecs", "imagecodecs.jpegxl_encode_jpeg"}


@pytest.mark.parametrize(
    "source",
    [
        "import cv2\nimage = cv2.imread('a.png')",
        "def f():\n    import cv2 as c\n    return c.imdecode(b, -1)",
        "from cv2 import imread",
        "read = cv2.imreadmulti",
        "from PIL import Image\nImage.open('a.png')",
        "import PIL.Image",
        "import tifffile",
        "import nd2",
        "from pylibCZIrw.czi import CziReader",
        "from tifffile import imread",
        "from images.formats.tiff import open_tiff",
        "from skimage import io",
        "from torchvision.io import decode_image",
        "import imageio.v3 as iio",
        "from matplotlib.pyplot import imread",
    ],
)
def test_a_stray_is_seen(source):
    assert list(strays(source))


@pytest.mark.parametrize(
    "source",
    [
        "from PIL import Image\nImage.open('a.png')",
        "def f(path):\n    from PIL import Image\n    return Image.fromarray(Image.open(path))",
        "from PIL import Image\nread = Image.open",
        "from PIL import Image\nopener = Image\nopener.open('a.png')",
        "from PIL import Image\ngetattr(Image, 'open')('a.png')",
        "from PIL import Image as I\nI.open('a.png')",
        "from PIL import Image, ImageFile",
        "from PIL.Image import open",
        "import PIL.Image",
        "from PIL import Image\nimport cv2\ncv2.imread('a.png')",
        "from PIL import Image\nimport tifffile",
    ],
)
def test_a_writer_that_opens_pixels_is_seen(source):
    assert list(strays_of_the_writer(source))


def test_a_writer_of_zarr_that_opens_is_seen():
    assert calls_of("zarr", "import zarr\nzarr.create_group(p)\nzarr.open(p)") == {"create_group", "open"}


def test_a_writer_that_saves_is_passed():
    source = "def f(a, to):\n    from PIL import Image\n    image = Image.fromarray(a)\n    image.save(to, 'PNG')"
    assert not list(strays_of_the_writer(source))


@pytest.mark.parametrize(
    "source",
    ["import cv2\ncv2.imwrite('a.png', x)", "from images.reading import decode_image", "# cv2.imread is not used"],
)
def test_what_is_no_stray_is_passed(source):
    assert not list(strays(source))
