"""The layouts of a data folder, and what to do about a folder that has none of them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from datasets.folder.files import folders_in, images_in
from datasets.folder.problems import Problem
from images.naming import naming_within
from images.reading import EXTENSIONS
from system.names import shown

LAYOUT = (
    "images/<id>.png with masks/<id>.png or labels/<id>.png (label maps), with masks/<class>/<id>.png for several "
    "classes, or <id>.png beside <id>_masks.png"
)
IMAGES, TRUTH = "images", ("masks", "labels")
MEANT = {"image": IMAGES, "img": IMAGES, "imgs": IMAGES, "mask": "masks", "label": "labels"}  # in any case of letters
PARTS = ("train", "training", "stage1_train")  # folders of data sets that hold a data folder
LOOKED_AT = 100  # folders in a folder
SHOWN = 3


def without_images(root: Path) -> Problem:
    """Returns the problem of a folder in which no images were found, with what lies there in their place."""
    here, known = len(images_in(root)), [name for name in (IMAGES, *TRUTH) if (root / name).is_dir()]
    images = f"{here} image{' lies' if here == 1 else 's lie'} in the folder itself"
    none = f"no images ({', '.join(EXTENSIONS)})"
    if not known:
        found = f"{images}, without masks or label maps" if here else f"{none}, neither in images/ nor in itself"
        return Problem("layout", (".",), found, advice(root))
    found = f"{none}, but {images}" if here else none
    return Problem("layout", (IMAGES,), found, f"move them into images/; or {advice(root)}" if here else advice(root))


def advice(root: Path) -> str:
    """Returns what to do about a folder whose layout is unknown: one level up and one level down are looked at."""
    wrong = {name: _meant(name) for name in folders_in(root) if _meant(name) not in (None, name)}
    renames = [f"{shown(name)} to {meant}" for name, meant in wrong.items() if not (root / meant).is_dir()]
    steps = [f"rename {' and '.join(renames)}"] if renames else []
    near = [root.parent] if _meant(root.name) and is_data_folder(root.parent) else []
    near += [path for path in islice(map(root.joinpath, folders_in(root)), LOOKED_AT) if is_data_folder(path)]
    near = near or [root / name for name in PARTS if (root / name).is_dir()][:1]
    if near:
        some = ", ".join(shown(str(path)) for path in near[:SHOWN]) + (", …" if len(near) > SHOWN else "")
        steps.append(f"did you mean {some}?" if len(near) == 1 else f"did you mean one of {some}?")
    return "; or ".join([*steps, f"arrange the files as {LAYOUT}"]).replace("?; or", "? Or")


def is_data_folder(path: Path) -> bool:
    """Whether a folder has one of the layouts, by the names in it."""
    if (path / IMAGES).is_dir():
        return any((path / name).is_dir() for name in TRUTH) or _has_pairs(path / IMAGES)
    return _has_pairs(path)


def _has_pairs(folder: Path) -> bool:
    return naming_within([Path(name).stem for name in images_in(folder)]) is not None


def _meant(name: str) -> str | None:
    """Returns which folder of the layout a name stands for, such as "images" for "Images"; None for other names."""
    lower = name.lower()
    return lower if lower in (IMAGES, *TRUTH) else MEANT.get(lower)
