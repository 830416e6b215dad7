"""One reader: nothing else of the project opens pixels."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
READER = {"images/reading.py", "images/jpeg.py", "images/tiff.py"}
OUTSIDE = {"tests", "benchmarks", "inputs", "outputs", "venv", "build"}  # the first two look at files in their own way
PACKAGES = {"tifffile", "PIL", "imageio", "skimage.io", "torchvision.io", "torchvision.datasets", "imagecodecs"}
CALLS = {"imread", "imreadmulti", "imreadanimation", "imdecode", "imdecodemulti", "imdecodeanimation", "imcount"}
CALLS |= {"read_file", "decode_image", "decode_png", "decode_jpeg"}
OURS = {"decode_image"}  # of images.reading


def strays(source):
    """What Python source takes from elsewhere to open pixels with: packages imported and functions named."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            if node.module != "images.reading":
                yield from (alias.name for alias in node.names if alias.name in CALLS)
        elif isinstance(node, ast.Attribute):
            names = []
            if node.attr in CALLS - OURS:
                yield node.attr
        else:
            continue
        yield from (n for n in names if any(n == p or n.startswith(p + ".") for p in PACKAGES))


def test_only_the_reader_opens_pixels():
    names = [path.relative_to(ROOT) for path in sorted(ROOT.rglob("*.py"))]
    names = [name for name in names if name.parts[0] not in OUTSIDE and not any(p.startswith(".") for p in name.parts)]
    sources = {name.as_posix(): (ROOT / name).read_text(encoding="utf-8") for name in names}
    assert len(sources) >= 35
    assert set(sources) >= READER | {"train.py", "val.py", "inference/report.py"}
    found = {name: list(strays(source)) for name, source in sources.items()}
    assert {name: what for name, what in found.items() if what and name not in READER} == {}
    assert found["images/reading.py"] == ["imdecode"]
    assert found["images/tiff.py"] == ["tifffile"]
    assert set(found["images/jpeg.py"]) == {"imagecodecs", "imagecodecs.jpegxl_encode_jpeg"}


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
        "from tifffile import imread",
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
    ["import cv2\ncv2.imwrite('a.png', x)", "from images.reading import decode_image", "# cv2.imread is not used"],
)
def test_what_is_no_stray_is_passed(source):
    assert not list(strays(source))
