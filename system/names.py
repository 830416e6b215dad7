"""Names that become files and folders of ours: of samples and classes, as a stranger may have written them."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_LENGTH = 200  # characters; file systems allow 255 bytes with the extension
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?\Z")  # devices of Windows, in any folder


def fault_of(name: object) -> str | None:
    """What keeps `name` from being one plain folder name on every system; None where nothing does."""
    if not isinstance(name, str) or not name.strip():
        return "a name is text of at least one character"
    if found := re.search(r'[<>:"/\\|?*]', name):
        return f"{found[0]!r} separates or means something to a file system"
    if unwritable(name):
        return "it holds characters that cannot be shown"
    if name.startswith(".") or name.endswith(".") or name != name.strip():
        return "it begins or ends with a dot or a space"
    if RESERVED.match(name):
        return "Windows keeps this name for a device"
    if len(name) > MAX_LENGTH:
        return f"{len(name)} characters, at most {MAX_LENGTH} are used"
    return None


def unwritable(name: str) -> bool:
    """Whether `name` holds control characters, line ends, or bytes of another encoding than the system's."""
    return any(ord(letter) < 32 or 127 <= ord(letter) < 160 or letter in "\u2028\u2029" for letter in name) or any(
        "\ud800" <= letter <= "\udfff" or "\u202a" <= letter <= "\u202e" or "\u2066" <= letter <= "\u2069"
        for letter in name  # halves of characters, and marks that turn the direction of writing
    )


def shown(name: str) -> str:
    """`name` as messages show it: escaped where it is not writable."""
    return name.encode("unicode_escape").decode("ascii") if unwritable(name) else name


def faults_of_classes(names: object) -> list[str]:
    """What is wrong with the names of a network's channels, one line for each; they become folders of masks."""
    if not isinstance(names, list | tuple) or not names:
        return [f"classes {names!r}: a list of names is expected"]
    faults = [f"class {name!r}: {fault}" for name in names if (fault := fault_of(name))]
    return faults + [f"class {name!r} is named twice" for name in _repeated(map(str, names))]


def _repeated(names: Iterable[str]) -> list[str]:
    seen: dict[str, int] = {}
    for name in names:
        seen[name.casefold()] = seen.get(name.casefold(), 0) + 1
    return sorted(name for name, count in seen.items() if count > 1)
