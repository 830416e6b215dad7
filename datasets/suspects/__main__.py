"""Ranks the labels of a data folder by how strongly models contradict them that have not learnt from them.

    python train.py --config configs/mine.yaml name=fold_0 data.folds=5 data.fold=0
    python train.py --config configs/mine.yaml name=fold_1 data.folds=5 data.fold=1
    …
    python -m datasets.suspects outputs/fold_0 outputs/fold_1 … --out outputs/suspects

It looks at the validation images of each run. OUT/objects.csv has a row for each labelled cell, and for each cell that
the label lacks; OUT/images.csv has one for each image. Both begin with the most suspicious. OUT/suspects.png shows the
first of each kind, with the label in green and the prediction in magenta. Many of them are errors of the models: a
person decides.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from system.errors import run_script

if TYPE_CHECKING:
    from assemble.unseen import Unseen
    from inference.files.overlays import Overlay
    from metrics import Doubt

SHOWN = 8  # pictures of each kind
SUSPICIOUS = 0.5  # the score from which on an object counts for its image
MARGIN = 24  # pixels around an object in its picture


@dataclass(frozen=True)
class Suspect:
    """A doubt about an object, and where it is."""

    image: str
    run: str
    doubt: Doubt


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m datasets.suspects", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", help="run folders of different folds of one data folder")
    parser.add_argument("--out", type=Path, required=True, help="new folder, such as outputs/suspects")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    given = parser.parse_args()
    write_suspects(given.runs, given.out)


def write_suspects(runs: list[Path], out: Path) -> list[Suspect]:
    """Writes the tables and the picture, and returns all suspects, the most suspicious first.

    Raises:
        ConfigError: the runs cannot be used, see `assemble.unseen`; or `out` is there already.
        DataError: the data are not those of the runs, or have no label maps.
    """
    from assemble.unseen import unseen_images
    from images.writing import encode_png
    from inference.files.overlays import contact_sheet
    from system.files import staged_folder, write_bytes, write_text

    with staged_folder(out) as folder:
        ranking = Ranking()
        for unseen in unseen_images(runs):
            ranking.add(unseen)
        suspects = sorted(ranking.suspects, key=lambda one: (-one.doubt.score, one.image, one.doubt.box))
        write_text(folder / "objects.csv", objects_table(suspects))
        write_text(folder / "images.csv", images_table(suspects, ranking.images))
        sheet = contact_sheet(ranking.rows(), names=("label", "prediction"))
        write_bytes(folder / "suspects.png", encode_png(sheet))
    counted = sum(one.doubt.score >= SUSPICIOUS for one in suspects)
    print(f"judged  {len(suspects)} objects in {len(ranking.images)} images; {counted} score {SUSPICIOUS} or more")
    print(f"wrote   {out}: images.csv, objects.csv, suspects.png")
    return suspects


class Ranking:
    """Collects the doubts about images one by one, and keeps pictures of the strongest of each kind."""

    def __init__(self) -> None:
        self.suspects: list[Suspect] = []
        self.images: dict[str, str] = {}  # id → run
        self._pictures: dict[str, list[tuple[float, Overlay]]] = {}

    def add(self, unseen: Unseen) -> None:
        from metrics import KINDS, label_doubts

        doubts = label_doubts(unseen.labels, unseen.prediction, foreground=unseen.maps[0], depth=unseen.depth)
        self.images[unseen.id] = unseen.run.name
        self.suspects += [Suspect(unseen.id, unseen.run.name, doubt) for doubt in doubts]
        for kind in KINDS:
            own = [doubt for doubt in doubts if doubt.kind == kind][:SHOWN]
            pictures = [(doubt.score, picture_of(unseen, doubt)) for doubt in own]
            best = sorted([*self._pictures.get(kind, []), *pictures], key=lambda one: -one[0])
            self._pictures[kind] = best[:SHOWN]

    def rows(self) -> list[tuple[str, list[Overlay]]]:
        """Returns the title and the pictures of each kind that was found."""
        from metrics import KINDS

        return [
            (f"{kind}: {text}", [picture for _, picture in self._pictures[kind]])
            for kind, text in KINDS.items()
            if self._pictures.get(kind)
        ]


def picture_of(unseen: Unseen, doubt: Doubt) -> Overlay:
    """Returns the surroundings of an object with all labels and predictions in them."""
    from inference.files.overlays import Overlay

    top, left, bottom, right = doubt.box
    here = slice(max(0, top - MARGIN), bottom + MARGIN), slice(max(0, left - MARGIN), right + MARGIN)
    cut = [array[here].copy() for array in (unseen.image, unseen.labels.astype("int32"), unseen.prediction)]
    return Overlay(f"{doubt.score:.2f}  {unseen.id}", *cut)


def objects_table(suspects: Iterable[Suspect]) -> str:
    """Returns the text of objects.csv. Its boxes are those of skimage: the last row and column are exclusive."""
    import pandas as pd

    from system.csv_text import guarded

    rows = [
        {
            "rank": rank,
            "image": guarded(one.image),
            "kind": one.doubt.kind,
            "score": one.doubt.score,
            "labels": " ".join(map(str, one.doubt.labels)),
            **dict(zip(("bbox-0", "bbox-1", "bbox-2", "bbox-3"), one.doubt.box, strict=True)),
            "area": one.doubt.area,
            "run": guarded(one.run),
        }
        for rank, one in enumerate(suspects, start=1)
    ]
    return pd.DataFrame(rows).to_csv(index=False, float_format="%.4f", lineterminator="\n")


def images_table(suspects: Iterable[Suspect], images: dict[str, str]) -> str:
    """Returns the text of images.csv: of each image the suspicious objects, and the sum of their scores, which ranks.

    Args:
        images: id → run.
    """
    import pandas as pd

    from system.csv_text import guarded

    rows = {name: {"image": guarded(name), "suspicious": 0, "sum": 0.0, "objects": 0} for name in images}
    for one in suspects:
        row = rows[one.image]
        row["objects"] += 1
        if one.doubt.score >= SUSPICIOUS:
            row["suspicious"] += 1
            row["sum"] += one.doubt.score
    frame = pd.DataFrame([row | {"run": guarded(images[name])} for name, row in rows.items()])
    frame = frame.sort_values(["sum", "image"], ascending=[False, True])
    return frame.to_csv(index=False, float_format="%.4f", lineterminator="\n")


if __name__ == "__main__":
    sys.exit(run_script(main))
