"""Names of samples and classes, which become names of files and folders. Anybody may have written them."""

from __future__ import annotations

import re
from collections import Counter

# Bytes in UTF-8. File systems allow 255. A file that is named after an image has an extension, and while it is written
# also ".", ".tmp" and the number of a process. The rest is room for longer extensions.
MAX_BYTES = 200
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?\Z")  # names of devices in Windows, in any folder

# Control characters, line ends, halves of characters, and marks that change the direction of writing.
UNWRITABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def fault_of(name: object) -> str | None:
    """Returns why `name` cannot be the name of a folder on every system; None if it can."""
    if not isinstance(name, str) or not name.strip():
        return "a name must be text of at least one character"
    if found := re.search(r'[<>:"/\\|?*]', name):
        return f"{found[0]!r} has a special meaning for file systems"
    if unwritable(name):
        return "it contains characters that cannot be shown"
    if name.startswith(".") or name.endswith(".") or name != name.strip():
        return "it begins or ends with a dot or a space"
    if RESERVED.match(name):
        return "Windows reserves this name for a device"
    return _too_long(name)


def fault_of_id(sample_id: str) -> str | None:
    """Returns why an id cannot name files: those of the data, and those that results are written to. None if it can.

    Args:
        sample_id: the id of an image. It may have folders, as "A01/i0" does. Bytes of a file's name that are not UTF-8
            are halves of characters in it, as `os.fsdecode` returns them.
    """
    for part in sample_id.split("/"):
        if not part:
            return "it has an empty part"
        if part in (".", ".."):
            return f"{part!r} would lead to another folder"
        if unwritable(part):
            return "it contains characters that cannot be shown"
        if fault := _too_long(part):
            return fault
    return None


def _too_long(name: str) -> str | None:
    size = len(name.encode("utf-8"))
    return f"'{name[:20]}…' has {size} bytes in UTF-8; at most {MAX_BYTES} are allowed" if size > MAX_BYTES else None


def unwritable(name: str) -> bool:
    """Returns whether `name` has control characters, line ends, or bytes that the system's encoding does not have."""
    return UNWRITABLE.search(name) is not None


def shown(name: str) -> str:
    """Returns `name` as messages show it: escaped where it is not writable."""
    return name.encode("unicode_escape").decode("ascii") if unwritable(name) else name


def faults_of_classes(names: object) -> list[str]:
    """Returns what is wrong with the names of the classes, one line for each fault.

    Each class becomes a folder of masks.
    """
    if not isinstance(names, list | tuple) or not names:
        return [f"classes {names!r}: a list of names is expected"]
    faults = [f"class {name!r}: {fault}" for name in names if (fault := fault_of(name))]
    times = Counter(str(name).casefold() for name in names)
    return faults + [f"class {name!r} is there twice" for name in sorted(times) if times[name] > 1]
