"""`dataset.yaml`: what it says of a data folder, checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from datasets.names import faults_of_classes
from engine.errors import DataError
from engine.yaml_file import read_yaml

NAME = "dataset.yaml"


def read_description(root: Path) -> Mapping[str, object]:
    """The sections of `<root>/dataset.yaml`; empty where there is none.

    Raises:
        DataError: unreadable, not YAML (see `engine.yaml_file`), no sections, or names of classes that are none.
    """
    path = root / NAME
    try:
        content = read_yaml(path, error=DataError)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); make it readable, or remove it") from error
    if not isinstance(content, dict) and content is not None:
        raise DataError(f"{path}: holds no sections such as 'classes: [nucleus]'; mend it, or remove it")
    classes = (content or {}).get("classes")
    if classes is not None and (faults := faults_of_classes(classes)):
        raise DataError(f"{path}: {'; '.join(faults)}; rename it here and in masks/")
    return content or {}
