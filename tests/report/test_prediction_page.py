"""The page of a folder of predictions: warnings and columns by hand, and what the page must not hold."""

import csv

import cv2
import numpy as np
import pytest
from support.pages import Page, faults_of
from support.scored_runs import EVIL

import report.__main__ as command
from report.prediction_page import measurements, warnings_of

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
            rows = [(name, n, 100 if n else "", 0.9 if n else "") for n, name in enumerate(names)]
            csv.writer(file).writerows([("image", "cells", "median_area", "mean_confidence"), *rows])
    else:
        for path in (folder / "cells").rglob("*.csv"):
            path.unlink()
    return folder


@pytest.mark.slow
def test_the_page_has_the_numbers_of_the_folder(tmp_path, run_main):
    folder = write_folder(tmp_path / "new", ["a", EVIL, "A01/i0"])
    code, out, err = run_main(command, folder)
    assert (code, err) == (0, "")
    assert out.startswith(f"wrote   {folder / 'report.html'}, 0.")
    text = (folder / "report.html").read_text("utf-8")
    assert faults_of(text) == []
    shown = Page(text).text
    assert "images 3 cells 3 cells per image 1.0 0 to 2 median area 100 pixels confidence 0.900" in shown
    assert "1 image without a cell: a." in shown
    assert "1 image without results: they could not be read, or the prediction was stopped: unread." in shown
    assert f"{EVIL} 1 cells" in shown
    assert "Area of the cells" in shown
    assert "intensity" not in shown  # the tables have no such column
    assert len([tag for tag, _ in Page(text).tags if tag == "img"]) == 3


@pytest.mark.slow
def test_columns_of_measurements_are_used_if_they_are_there(tmp_path, run_main):
    more = {"columns": ",touches_edge,intensity_mean-0,intensity_mean-1,area_um2", "values": ",1,5.5,7.5,25"}
    folder = write_folder(tmp_path / "new", ["a", "b", "c"], **more)
    assert measurements(folder, ["a", "b", "c"])["intensity_mean-1"].tolist() == [7.5] * 3
    assert run_main(command, folder)[0] == 0
    shown = Page((folder / "report.html").read_text("utf-8")).text
    for title in ("Mean intensity of the cells in channel 0", "in channel 1", "Area of the cells in µm²"):
        assert title in shown
    assert "100% of the cells touch the edge of their image" in shown


@pytest.mark.slow
def test_a_folder_without_cells_has_a_gallery(tmp_path, run_main):
    folder = write_folder(tmp_path / "new", ["a", "b"], cells=False)
    (folder / "overlays" / "b.png").write_bytes(b"damaged")
    assert run_main(command, folder)[0] == 0
    text = (folder / "report.html").read_text("utf-8")
    assert faults_of(text) == []
    assert len([tag for tag, _ in Page(text).tags if tag == "img"]) == 1
    assert "Distributions" not in Page(text).text


@pytest.mark.slow
def test_two_hundred_images_stay_below_five_megabytes(tmp_path, run_main):
    folder = write_folder(tmp_path / "many", [f"image_{n:03d}" for n in range(200)])
    assert run_main(command, folder)[0] == 0
    assert (folder / "report.html").stat().st_size < 5e6


def test_warnings_by_hand():
    def row(name, cells, area, sure, warnings=""):
        return dict(
            zip(
                ("image", "cells", "median_area", "mean_confidence", "warnings"),
                (name, cells, area, sure, warnings),
                strict=True,
            )
        )

    rows = [row("a", "5", "100", "0.9"), row("b", "5", "100", "0.69"), row("c", "0", "", "", "no cells")]
    rows += [row("d", "5", "49", "0.7"), row("e", "5", "201", "0.9"), row("f", "5", "200", "0.9", "grey")]
    assert warnings_of(rows, {}) == [
        "1 image without a cell: c.",
        "1 image with a mean confidence below 0.7: b.",
        "2 images with a median area below half or above twice the usual 100 pixels: d, e.",
        "1 image with a warning in images.csv: f.",
    ]
    assert warnings_of([row("a", "5", "100", "0.9")], {"touches_edge": np.array([1.0] + [0.0] * 9)}) == []
    many = [f"i{n}" for n in range(9)]
    assert warnings_of([], {}, without_results=many)[0].endswith("stopped: i0, i1, i2, i3, i4 and 4 more.")
