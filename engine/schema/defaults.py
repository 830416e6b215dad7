"""Chooses what a configuration leaves out, by the data. A configuration that names only `data.root` is complete so."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Protocol

from pydantic import ValidationError

from engine.schema.config import Config
from tasks import TASKS, task_for

FEW_IMAGES = 200  # below, the recipe of configs/my_images.yaml; from there on that of configs/dsb2018_cells.yaml
WINDOWS = 160  # of an epoch at least: 40 images are few steps
MOST_WINDOWS = 64  # of one image
STEPS, EPOCHS = 1340, (10, 30)  # of a training with many images
# With few cells to validate with, their AP can be high where a whole image is wrong; hence val_iou.
SMALL = {"filters": [8, 16, 32, 64, 128], "lr": 3e-3, "epochs": 20, "train": {"best": "val_iou"}}
LARGE = {"filters": [16, 32, 64, 128, 256], "lr": 2e-3, "train": {}}
NETWORK, OPTIMIZER = "UNet", "AdamW"
BATCH = 8
TRAINED = 0.8  # the share of the images that trains, by default
SIDE_STEP, LEAST_SIDE = 16, 32
ARCHITECTURE = ("name", "filters", "encoder", "deep_supervision", "norm")  # keys of the model that weights fix
LOSSES = {"mask": "BCEDiceLoss", "masks": "BCEDiceLoss", "indices": "MultiClassDiceLoss"}  # for each kind of target


class Facts(Protocol):
    """What the choices depend on; `datasets.facts.DataFacts` describes it."""

    images: int
    truth: str
    folder: str
    classes: int
    short_side: float
    crop: int | None
    crop_reason: str


def left_out(content: Mapping) -> list[str]:
    """Returns the keys that a configuration must have and `content`, as it was read, does not have."""
    data, train = content.get("data", {}), content.get("train", {})
    missing = [
        key for key in ("task", "loss", "optimizer", "scheduler") if key not in content or _nameless(content[key])
    ]
    if {"lr": None} | _section(content, "optimizer") == {"name": OPTIMIZER, "lr": None}:
        missing.append("optimizer.lr")
    if isinstance(data, Mapping) and not {"size", "crop"} & set(data):
        missing.append("data.crop")
    if isinstance(train, Mapping) and "epochs" not in train:
        missing.append("train.epochs")
    if _section(content, "model").get("weights") is not None and _nameless(content["model"]):
        missing.append("model")
    return missing


def completed(content: Mapping, facts: Facts, begun: Mapping | None = None) -> tuple[dict, list[str]]:
    """Adds what a configuration leaves out, also of a section that it gives in part.

    Args:
        content: the configuration as it was read; it is not changed.
        facts: what its data folder holds.
        begun: the configuration of the run or ready model that `model.weights` names; None if it names none.

    Returns:
        The complete configuration, and what was chosen and why, in lines.
    """
    content, missing, lines = copy.deepcopy(dict(content)), left_out(content), []
    data = content.setdefault("data", {})
    recipe = SMALL if facts.images < FEW_IMAGES else LARGE
    by_recipe = bool(set(missing) - {"task", "model"})  # a file that gives all else keeps the defaults of the schema
    if "task" in missing:
        content["task"], reason = _task(facts)
        lines.append(f"task: {content['task']}, because {reason}")
    if "data.crop" in missing:
        lines += _choose_geometry(data, facts)
    if by_recipe or "model" in missing or "model" not in content:
        lines += _choose_model(content, recipe["filters"], facts.images, begun)
    task = content["task"]
    lines += _add(content, "loss", {"name": LOSSES[TASKS[task].target if task in TASKS else "mask"]})
    lines += _add(content, "optimizer", {"name": OPTIMIZER, "lr": recipe["lr"]})
    lines += _add(content, "scheduler", {"name": "one_cycle"})
    content.setdefault("train", {})
    if by_recipe:
        lines += _add(content, "train", {"batch_size": BATCH} | recipe["train"])
    if "train.epochs" in missing:
        epochs = recipe.get("epochs") or _epochs(facts.images, data, content["train"].get("batch_size"))
        lines += _add(content, "train", {"epochs": epochs})
    return content, lines


def continued(content: Mapping, begun: Mapping) -> dict:
    """Adds what a configuration leaves out as it was in a run that began before.

    Args:
        content: the configuration as it was read; it is not changed.
        begun: the complete configuration of the run.
    """
    content = copy.deepcopy(dict(content))
    for key, value in begun.items():
        content[key] = _merged(content[key], value) if key in content else value
    return content


def _merged(given: object, rest: object) -> object:
    """Adds the keys of the section `rest` that `given` leaves out, unless the two have different names."""
    if not isinstance(given, Mapping) or not isinstance(rest, Mapping):
        return given
    return {**rest, **given} if _kind(given) in (None, _kind(rest)) else given


def problems_of_given(content: Mapping) -> ValidationError | None:
    """Returns what is wrong with the keys that a configuration gives, whatever those are that it leaves out.

    It is None if they are right for at least one task and the data that goes with it.
    """
    first = None
    if not all(isinstance(content.get(section, {}), Mapping) for section in ("data", "train")):
        try:
            Config.model_validate(content)
        except ValidationError as error:
            return error
    for task, entry in TASKS.items():
        kind = {"indices": "classes"}.get(entry.target, "masks")
        facts = _Assumed(truth="labels" if entry.instances else kind, classes=2 if entry.target != "mask" else 1)
        try:
            Config.model_validate(completed({"task": task} | dict(content), facts)[0])
        except ValidationError as error:
            first = first or error
        else:
            return None
    return first


class _Assumed:
    """Facts of some data folder, with which the given keys of a configuration are checked before it is measured."""

    images, folder, short_side, crop, crop_reason = 40, "masks", 256.0, 128, ""

    def __init__(self, *, truth: str, classes: int) -> None:
        self.truth, self.classes = truth, classes


def _section(content: Mapping, key: str) -> Mapping:
    """Returns a section of a configuration; an empty one if it is missing or is none."""
    return content[key] if isinstance(content.get(key), Mapping) else {}


def _nameless(section: object) -> bool:
    return isinstance(section, Mapping) and _kind(section) is None


def _kind(section: Mapping) -> object:
    """Returns the name of what a section describes; a sum of losses has terms in place of a name."""
    return "sum" if "terms" in section else section.get("name")


def _add(content: dict, section: str, chosen: Mapping) -> list[str]:
    """Adds chosen keys to a section that does not have them, and returns them in a line, if there are any."""
    whole, given = section not in content, content.get(section, {})
    if not isinstance(given, Mapping):
        return []  # the schema refuses it
    content[section] = _merged(given, chosen)
    added = {key: value for key, value in content[section].items() if key not in given}
    if whole and "name" in added:  # such as: loss: BCEDiceLoss
        return [", ".join(f"{section if key == 'name' else key}: {_shown(value)}" for key, value in added.items())]
    return [", ".join(f"{section}.{key}: {_shown(value)}" for key, value in added.items())] if added else []


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _choose_model(content: dict, filters: Sequence[int], images: int, begun: Mapping | None) -> list[str]:
    """Adds the network of the weights that a configuration starts from, or else a small one; returns lines on it."""
    given = _section(content, "model")
    weights, name = given.get("weights"), given.get("name", NETWORK)  # the widths fit each network
    if weights is None:
        chosen, reason = {"name": name, "filters": filters}, f", for {images} images"
    elif begun is None or {"name", "filters"} <= set(given):
        return []  # a file says nothing of its network
    else:
        chosen = {key: begun["model"][key] for key in ARCHITECTURE if key in begun["model"]}
        reason = f", that of {weights}"
    _add(content, "model", chosen)
    model = _section(content, "model")
    added = {key: model[key] for key in ("name", "filters") if key in model and key not in given}
    line = ", ".join(value if key == "name" else f"{key}: {value}" for key, value in added.items())
    return [f"model: {line}{reason}"] if added else []


def _task(facts: Facts) -> tuple[str, str]:
    if facts.classes == 1:
        reason = "there are label maps" if facts.truth == "labels" else "the masks have one class"
    elif facts.truth == "classes":
        reason = f"the class maps have {facts.classes} classes besides the background"
    else:
        reason = f"{facts.folder}/ has folders of {facts.classes} classes"
    return task_for(facts.truth, facts.classes), reason


def _choose_geometry(data: dict, facts: Facts) -> list[str]:
    key, side, reason = _geometry(facts)
    data[key] = side
    if key == "crop":
        data.setdefault("crops_per_image", _windows(facts.images))
    data.setdefault("intensity", "image")
    windows = f"data.crops_per_image: {data.get('crops_per_image', 1)}, data.intensity: {data['intensity']}"
    return [f"data.{key}: {side}, {reason}", windows]


def _geometry(facts: Facts) -> tuple[str, int, str]:
    if facts.crop is not None:
        return "crop", facts.crop, facts.crop_reason
    side = max(LEAST_SIDE, SIDE_STEP * round(facts.short_side / SIDE_STEP))
    return "size", side, f"because {facts.crop_reason.split(';')[0]}"


def _windows(images: int) -> int:
    return min(MOST_WINDOWS, max(1, math.ceil(WINDOWS / max(1, int(TRAINED * images)))))


def _epochs(images: int, data: Mapping, batch_size: object) -> int:
    windows, batch = data.get("crops_per_image", 1), batch_size if type(batch_size) is int else BATCH
    steps = TRAINED * images * (windows if type(windows) is int else 1) / max(1, batch)
    return min(EPOCHS[1], max(EPOCHS[0], round(STEPS / max(1, steps))))
