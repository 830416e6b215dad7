"""Measures the cells of label maps that any program made.

python -m inference.measure LABELS [IMAGES] --out OUT
python -m inference.measure masks.tif photo.tif --out outputs/measured --pixel-size 0.5

LABELS and IMAGES are files, folders (with all their subfolders) or patterns. docs/measurements.md defines the columns.
"""

from __future__ import annotations

import argparse
import typing
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from system.command_line import micrometres
from system.errors import ConfigError, DataError, FileError, leave, run_script

if typing.TYPE_CHECKING:
    from images.image_reader import ImageReader
    from inference.files.cell_tables import CellTables
    from inference.measure.pairs import Pair


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m inference.measure",
        description="Writes OUT/cells.csv with a row for each cell, OUT/images.csv with a row for each image, and the "
        "same for single images: OUT/cells/<id>.csv and OUT/counts/<id>.csv.",
    )
    parser.add_argument("labels", help="label maps: a file, a folder or a pattern; 0 is background")
    images_help = "their images, for intensities and pixel sizes; a file, a folder or a pattern"
    parser.add_argument("images", nargs="?", help=images_help)
    parser.add_argument("--out", type=Path, required=True, help="new folder of the results")
    size_help = "side of a pixel in µm, in place of what the files say"
    parser.add_argument("--pixel-size", type=partial(micrometres, option="--pixel-size"), metavar="UM", help=size_help)
    parser.add_argument("--plane", help="planes of stacks of images, as predict.py takes them")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    given = parser.parse_args()
    measure(given.labels, given.images, given.out, pixel_size=given.pixel_size, plane=given.plane)


def measure(
    labels: str, images: str | None, out: Path, *, pixel_size: float | None = None, plane: str | None = None
) -> None:
    """Measures all label maps and writes the tables below `out`, which is a new folder.

    Raises:
        ConfigError: there are no label maps or no images; names cannot be matched; or `out` exists.
        DataError: some files could not be used, or have no image. All others are measured.
        DiskError: the folder cannot be written.
    """
    from images.image_reader import ANY, ImageReader
    from images.planes import parse_plane
    from inference.files.cell_tables import CellTables
    from inference.files.inputs import find_images
    from inference.files.planes import images_of
    from inference.measure.pairs import pairs_of
    from system.files import staged_folder
    from system.progress_bar import progress_bar

    if plane is not None:
        parse_plane(plane)
    reader = ImageReader(channels=ANY)
    found = find_images([labels], out, option="LABELS")
    problems, pictures = list(found.refused), None
    if images is not None:
        found_images = find_images([images], out, option="IMAGES")
        problems += found_images.refused
        pictures = images_of(found_images.images, reader, plane)
    pairs, lonely = pairs_of(found.images, pictures)
    if not pairs:
        raise ConfigError("\n  ".join(["no label map has an image of its name:", *map(str, lonely[:10])]))
    problems += lonely
    named, done = len(pairs) + len(problems), []
    with staged_folder(out) as folder:
        tables = CellTables(folder)
        with progress_bar(title="measure", total=len(pairs), keep=True) as bar:
            for pair in pairs:
                try:
                    _measure_pair(tables, pair, reader, pixel_size)
                    done.append(pair.id)
                except FileError as error:
                    problems.append(error)
                bar.update()
        cells = tables.write_summary(done)
    print(f"cells   {cells:,} in {len(done)} images, see {out / 'cells.csv'} and {out / 'images.csv'}", flush=True)
    if problems:
        raise DataError("\n  ".join([f"{len(problems)} of {named} could not be used:", *map(str, problems)]))


def _measure_pair(tables: CellTables, pair: Pair, reader: ImageReader, pixel_size: float | None) -> None:
    """Measures one label map; raises FileError if it or its image cannot be used."""
    from images.pixel_size import pixel_size_of
    from images.reading import decode_labels, read_bytes
    from images.regions import open_stored_rows
    from inference.measurements.measuring import MeasuredImage

    labels = decode_labels(read_bytes(pair.labels.path), str(pair.labels))
    size = pixel_size_of((pair.image or pair.labels).path, given=pixel_size)
    with ExitStack() as opened:
        if pair.image is None:
            image = MeasuredImage.of_array(labels[..., None], *size).without_pixels()
        else:
            stored = opened.enter_context(open_stored_rows(pair.image, reader))
            if stored.shape[:2] != labels.shape:
                sizes = [f"{height}×{width}" for height, width in (labels.shape, stored.shape[:2])]
                found = f"{sizes[0]} pixels (H×W), but its image {pair.image} has {sizes[1]}"
                raise FileError(str(pair.labels), found=found, fix="give the image that the label map was made of")
            image = MeasuredImage(stored.rows, stored.shape[2], *size)
        tables.write(pair.id, labels, image=image)


if __name__ == "__main__":
    leave(run_script(main))
