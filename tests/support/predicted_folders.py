"""Folders as predict.py leaves them, without a run."""

import csv

import cv2
import numpy as np

CELLS = "label,area,centroid-0,centroid-1,confidence"


def write_folder(folder, names, *, cells=True, columns="", values=""):
    """A folder as predict.py writes it: image number n has n cells, of 100 pixels each."""
    (folder / "overlays").mkdir(parents=True)
    (folder / "cells").mkdir()
    (folder / "prediction.yaml").write_text("weights: 'crc32 1'\nthreshold: 0.5\n")
    picture = np.random.default_rng(0).integers(0, 255, (80, 120, 3), np.uint8)
    for number, name in enumerate(names):
        for place in (folder / "overlays" / f"{name}.png", folder / "cells" / f"{name}.csv"):
            place.parent.mkdir(parents=True, exist_ok=True)
        done, png = cv2.imencode(".png", picture)
        assert done
        (folder / "overlays" / f"{name}.png").write_bytes(png.tobytes())
        lines = [CELLS + columns, *[f"{n},100,1.00,2.00,0.9000{values}" for n in range(1, number + 1)]]
        (folder / "cells" / f"{name}.csv").write_text("\n".join([*lines, ""]))
    with (folder / "sources.csv").open("w", newline="") as file:
        csv.writer(file).writerows((name, f"/data/{name}.tif") for name in [*names, "unread"])
    if cells:
        with (folder / "images.csv").open("w", newline="") as file:
            rows = [(name, n, *((100, 0.9, "") if n else ("", "", "no cells"))) for n, name in enumerate(names)]
            csv.writer(file).writerows([("image", "cells", "median_area", "mean_confidence", "warnings"), *rows])
    else:
        for path in (folder / "cells").rglob("*.csv"):
            path.unlink()
    return folder
