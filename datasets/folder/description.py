"""`dataset.yaml`, in which a data folder describes itself."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from images.class_maps import MAX_CLASSES
from system.errors import FileError
from system.names import faults_of_classes
from system.yaml_file import YamlError, read_yaml
from tasks.truth import Value

NAME = "dataset.yaml"
READ = ("classes", "palette", "void")
# For people; only `groups` is also read, by `datasets.folder.given_groups`, when a split asks for it. Everything else
# that an importer or a user wants to write down belongs below `notes`.
NOTES = ("name", "source", "licence", "groups", "notes", "sha256sums")
# What preparing a set wrote beside `notes` before it used them. Such files still load; nothing new is added here.
OLD_NOTES = ("images", "nuclei", "nuclei_lost", "objects", "size", "seed", "made_with")
FIX = "correct the file, or remove it: only class maps need it"


@dataclass(frozen=True)
class Description:
    """What `dataset.yaml` decides.

    Attributes:
        classes: in the order of the channels; None where it names none.
        palette: value of each class in the class maps below masks/, if it names them.
        void: value of pixels of unknown class in them.
        groups: which images belong together, as `datasets.folder.given_groups` reads it; None without this key.
        sha256sums: SHA-256 hex digest of the file SHA256SUMS, in a prepared set.
    """

    classes: tuple[str, ...] | None = None
    palette: tuple[Value, ...] | None = None
    void: Value | None = None
    groups: object = None
    sha256sums: str | None = None

    @property
    def class_map_palette(self) -> tuple[Value, ...] | None:
        """Value of each class in class maps: `palette`, or 0, 1, 2, … for several classes without one."""
        if self.palette is None and self.classes is not None and len(self.classes) > 1:
            return tuple(range(len(self.classes)))
        return self.palette


def read_description(root: Path) -> Description:
    """Reads `<root>/dataset.yaml`, which is optional.

    Raises:
        FileError: the file cannot be read, has unknown keys, or its values do not fit each other; all faults at once.
    """
    path = root / NAME
    if not path.exists():
        return Description()
    try:
        content = read_yaml(path)
    except OSError as error:
        found, fix = f"cannot be read ({error.strerror})", "make it readable, or remove it"
        raise FileError(str(path), found=found, fix=fix) from error
    except YamlError as error:
        found = error.found if error.line is None else f"line {error.line}: {error.found}"
        raise FileError(str(path), found=found, fix=FIX) from error
    if content is None:
        return Description()
    if not isinstance(content, dict):
        raise FileError(str(path), found=f"must hold keys such as 'classes:', got {content!r}", fix=FIX)
    faults = [*_unknown_keys(content), *_wrong_values(content)]
    if faults:
        raise FileError(str(path), found="; ".join(faults), fix=FIX)
    return _described(content)


def _described(content: Mapping) -> Description:
    classes, palette, void = (content.get(key) for key in READ)
    value = lambda one: tuple(one) if isinstance(one, list) else one
    return Description(
        classes=None if classes is None else tuple(classes),
        palette=None if palette is None else tuple(value(one) for one in palette),
        void=value(void),
        groups=content.get("groups"),
        sha256sums=content.get("sha256sums"),
    )


def _unknown_keys(content: Mapping) -> list[str]:
    problems = []
    for key in content:
        if key not in READ + NOTES + OLD_NOTES:
            close = difflib.get_close_matches(str(key), READ + NOTES, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            allowed = f"{', '.join(READ)} are read, {', '.join(NOTES)} are notes; write others below notes:"
            problems.append(f"unknown key {key!r}; {hint}{allowed}")
    return problems


def _wrong_values(content: Mapping) -> list[str]:
    classes, palette, void = (content.get(key) for key in READ)
    if classes is not None and (faults := faults_of_classes(classes)):
        expected = "expected a list of different names, such as [background, nucleus], that are also names of folders"
        return [f"classes: got {classes!r}; {expected}: {'; '.join(faults)}"]
    if palette is None:
        numbers = range(len(classes or ()))
        if void is None or (len(numbers) > 1 and type(void) is int and void >= len(numbers)):
            return []
        return [f"void: {void!r} belongs to class maps; name their classes: and palette: too"]
    if not isinstance(palette, list) or not palette or not all(map(_is_value, palette)):
        return [f"palette: got {palette!r}; expected a whole number from 0, or a colour [r, g, b], for each class"]
    if classes is None or len(classes) != len(palette):
        named = "no classes:" if classes is None else f"{len(classes)} classes"
        return [f"palette: {len(palette)} entries, but {named}; give one for each class, in the same order"]
    if not 2 <= len(palette) <= MAX_CLASSES:
        return [f"palette: {len(palette)} entries; class maps have 2 to {MAX_CLASSES} classes, the background first"]
    if void is not None and not _is_value(void):
        return [f"void: got {void!r}; expected a value like those of the palette"]
    values = palette if void is None else [*palette, void]
    if len({isinstance(value, list) for value in values}) > 1:
        return ["palette: numbers and colours are mixed; use one kind, for void: too"]
    if len({str(value) for value in values}) < len(values):
        return [f"palette: the values of {'classes' if void is None else 'classes and void:'} must all differ"]
    return []


def _is_value(value: object) -> bool:
    if isinstance(value, list):
        return len(value) == 3 and all(type(part) is int and 0 <= part <= 255 for part in value)
    return type(value) is int and 0 <= value < 2**31
