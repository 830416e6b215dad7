"""Opens a run from any folder, in any program, with torch.hub:

    import torch
    predictor = torch.hub.load("<the folder of this file>", "load_run", "<a run folder>", source="local")

The modules of this project have short names, such as `models` and `datasets`, and many programs have modules of the
same names. So the modules are imported apart: they have their names in Python's table of modules only while a run is
opened, and those of the caller get their place back. A predictor needs no import of this project after that.
"""

from __future__ import annotations

import contextlib
import pathlib
import sys
import typing

if typing.TYPE_CHECKING:
    from inference.image_predictor import ImagePredictor

# torch.hub imports none of them, but says which are missing.
dependencies = ["torch", "numpy", "cv2", "PIL", "tifffile", "imagecodecs", "skimage", "scipy", "pandas"]
dependencies += ["albumentations", "pydantic", "yaml", "tqdm"]

_ROOT = pathlib.Path(__file__).resolve().parent
_NAMES = {path.stem for path in _ROOT.glob("*.py")} | {path.parent.name for path in _ROOT.glob("*/__init__.py")}


def load_run(
    *paths: pathlib.Path | str,
    device: str | None = None,
    precision: str | None = None,
    depth: int | None = None,
    tta: bool = False,
    engine: str = "torch",
    channels: typing.Sequence[int | str] | None = None,
) -> ImagePredictor:
    """Loads one run or several, ready to predict. See `saved_run.load_run`, which has the same arguments and errors.

    Args:
        paths: run folders, such as outputs/demo; relative ones start in the current folder of the caller.
    """
    with _own_modules():
        from saved_run import load_run as load

        return load(*paths, device=device, precision=precision, depth=depth, tta=tta, engine=engine, channels=channels)


@contextlib.contextmanager
def _own_modules() -> typing.Iterator[None]:
    """Makes this project's modules the ones that its names stand for, until the block ends."""
    theirs = _taken_out()
    sys.path.insert(0, str(_ROOT))
    try:
        yield
    finally:
        sys.path.remove(str(_ROOT))
        _taken_out()
        sys.modules.update(theirs)


def _taken_out() -> dict[str, object]:
    """Takes all modules of this project's names out of Python's table, and returns them by name."""
    names = [name for name in sys.modules if name.partition(".")[0] in _NAMES - {"hubconf"}]
    return {name: sys.modules.pop(name) for name in names}
