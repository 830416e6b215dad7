"""Where an importer reads: a folder or a zip archive, whose files are listed and read by their names."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from datasets.prepare.archive import open_archive
from images.reading import read_bytes
from system.errors import DataError
from system.names import shown

MAX_FILES = 2**20  # files below one folder, so that a wrong folder, such as /, is refused and not walked for hours


class Source:
    """A zip archive or a folder. Entries are read by names with forward slashes; nothing is unpacked.

    Args:
        path: the folder or the archive.
        option: the option of the command line that gave it, for messages.

    Raises:
        DataError: there is nothing at `path`, or it is no folder and `datasets.prepare.archive` refuses it.
    """

    def __init__(self, path: Path, option: str = "--source") -> None:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder; give {option} the archive or its unpacked folder")
        if path.is_file() and path.suffix.lower() == ".json":
            known = "COCO's annotations are such files: python -m datasets.prepare coco"
            raise DataError(f"{path}: a JSON file, but {option} needs a folder or a zip archive; {known}")
        self.path = path
        self.archive = None if path.is_dir() else open_archive(path)

    def names(self) -> list[str]:
        """Names of all files, in any order. Links to files and to folders are followed.

        Raises:
            DataError: the folder holds more than `MAX_FILES` files.
        """
        if self.archive is not None:
            return [name for name in self.archive.namelist() if not name.endswith("/")]
        found: list[str] = []
        walked: set[tuple[int, int]] = set()  # folders, so that a link to a folder above does not go round for ever
        for folder, below, files in os.walk(self.path, followlinks=True):
            state = Path(folder).stat()
            if (state.st_dev, state.st_ino) in walked:
                below.clear()
                continue
            walked.add((state.st_dev, state.st_ino))
            lead = Path(folder).relative_to(self.path)
            found += [(lead / file).as_posix() for file in files]
            if len(found) > MAX_FILES:
                raise DataError(f"{self.path}: more than {MAX_FILES} files; give the folder of the data set only")
        return found

    def read(self, name: str) -> bytes:
        """Content of one entry.

        Raises:
            DataError: it cannot be read, or the checksum in the archive is another one.
        """
        try:
            return read_bytes(self.path / name) if self.archive is None else self.archive.read(name)
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # RuntimeError: a password
            raise DataError(f"{self.where(name)}: cannot be read ({error}); download the data set again") from error

    def lead(self) -> str:
        """The one folder, with its slash, that all visible files of an archive lie in; empty if there is none.

        A folder has no such lead, because it could have been given itself.
        """
        if self.archive is None:
            return ""
        tops = {name.partition("/")[0] + "/" if "/" in name else "" for name in visible(self.names())}
        return tops.pop() if len(tops) == 1 else ""

    def where(self, name: str) -> str:
        """What messages call an entry."""
        return shown(str(self.path / name))


def visible(names: Iterable[str]) -> list[str]:
    """The names without hidden files and folders, sorted; macOS puts such files into archives."""
    hidden = lambda name: any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
    return sorted({name for name in names if not hidden(name)})
