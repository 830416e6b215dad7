"""The page of a folder of predictions: warnings and columns by hand, and what the page must not hold."""

import numpy as np
import pytest
from support.pages import Page, faults_of
from support.predicted_folders import write_folder
from support.scored_runs import EVIL

import report.__main__ as command
from report import measured
from report.measured import measured_cells
from report.prediction_page import table_rows, warnings_of
from report.tables import MAX_ROWS


@pytest.mark.slow
def test_the_page_has_the_numbers_of_the_folder(tmp_path, run_main):
    folder = write_folder(tmp_path / "new", ["a", EVIL, "A01/i0"])
    code, out, err = run_main(command, folder)
    assert (code, err) == (0, "")
    assert out.startswith(f"wrote   {folder / 'report.html'}, 0.")
    text = (folder / "report.html").read_text("utf-8")
    assert faults_of(text) == []
    shown = Page(text).text
    assert "images 3 cells 3 cells per image 1.0 0 to 2 median area 100 pixels confidence 0.900 mean" in shown
    assert "1 image without a cell: a." in shown
    assert "1 image without results: they could not be read, or the prediction was stopped: unread." in shown
    assert f"{EVIL} 1 cells" in shown
    assert "Area of the cells" in shown
    assert "intensity" not in shown  # the tables have no such column
    assert len([tag for tag, _ in Page(text).tags if tag == "img"]) == 3


@pytest.mark.slow
def test_planes_of_a_stack_are_named(tmp_path, run_main):
    folder = write_folder(tmp_path / "new", ["film/z000", "film/z001", "one (1)", "one (2)"])
    sources = ["film/z000,/data/film.tif (z=0)", "film/z001,/data/film.tif (z=1)"]
    sources += [f"one ({number}),/data/one ({number}).tif" for number in (1, 2)]  # two files with such names
    (folder / "sources.csv").write_text("\n".join([*sources, ""]))
    assert run_main(command, folder)[0] == 0
    shown = Page((folder / "report.html").read_text("utf-8")).text
    assert (
        "2 images are planes of 1 stack: a cell that several planes show counts in each of them; --plane max" in shown
    )


@pytest.mark.slow
def test_columns_of_measurements_are_used_if_they_are_there(tmp_path, run_main):
    more = {"columns": ",touches_edge,intensity_mean-0,intensity_mean-1,area_um2", "values": ",1,5.5,7.5,25"}
    folder = write_folder(tmp_path / "new", ["a", "b", "c"], **more)
    assert measured_cells(folder, {"a": 0, "b": 1, "c": 2}).columns["intensity_mean-1"].tolist() == [7.5] * 3
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


@pytest.mark.parametrize(("most", "step"), [(10, 1), (4, 3), (1, 10)])
def test_every_nth_cell_is_read_over_all_images(tmp_path, monkeypatch, most, step):
    """Counting goes on from image to image, so that images with few cells are not read more often than others."""
    areas, counts = iter(range(10)), {"a": 4, "b": 0, "c": 1, "d": 5}
    (tmp_path / "cells").mkdir()
    for name, count in counts.items():
        lines = ["label,area,note", *(f"{n},{next(areas)}," for n in range(count))]
        (tmp_path / "cells" / f"{name}.csv").write_text("\n".join([*lines, ""]))
    monkeypatch.setattr(measured, "CELLS", most)
    found = measured_cells(tmp_path, counts)
    assert found.columns["area"].tolist() == list(range(0, 10, step))
    assert (found.cells, found.of_cells, found.images, found.of_images) == (len(range(0, 10, step)), 10, 4, 4)
    assert (found.sample_line() == "") == (step == 1)


def test_at_most_so_many_tables_are_opened(tmp_path, monkeypatch):
    (tmp_path / "cells").mkdir()
    for name in "abcde":
        (tmp_path / "cells" / f"{name}.csv").write_text(f"label,area\n1,{ord(name)}\n")
    monkeypatch.setattr(measured, "TABLES", 3)
    (tmp_path / "cells" / "c.csv").unlink()  # somebody removes one
    found = measured_cells(tmp_path, dict.fromkeys("abcde", 1))
    assert found.columns["area"].tolist() == [ord("a"), ord("e")]
    assert "2 of 5 cells, from 3 of 5 images" in found.sample_line()


def test_a_long_table_has_the_images_with_warnings_first():
    rows = [{"image": f"i{n}", "warnings": "no cells" if n % 100 == 7 else ""} for n in range(3000)]
    chosen = table_rows(rows)
    assert len(chosen) == MAX_ROWS
    assert [row["image"] for row in chosen[:30]] == [f"i{n}" for n in range(7, 3000, 100)]
    others = [int(row["image"][1:]) for row in chosen[30:]]
    assert (others[0], others[-1], max(np.diff(others)) <= 5) == (0, 2999, True)
    assert table_rows(rows[:MAX_ROWS]) == rows[:MAX_ROWS]


@pytest.mark.slow
def test_ten_thousand_images_stay_below_five_megabytes_and_it_says_what_it_shows(tmp_path, run_main):
    names = [f"plate 3/well {n // 100:03d}/{'long name ' * 5}{n:05d}" for n in range(1000)]
    folder = write_folder(tmp_path / "many", names)
    header, *rows = (folder / "images.csv").read_text().splitlines()
    copies = [row.replace("plate 3", f"plate {plate}") for plate in range(3, 13) for row in rows]
    (folder / "images.csv").write_text("\n".join([header, *copies, ""]))  # the tables of 9,000 of them are missing
    assert run_main(command, folder)[0] == 0
    assert (folder / "report.html").stat().st_size < 5e6
    shown = Page((folder / "report.html").read_text("utf-8")).text
    assert "images 10,000" in shown
    assert "of 4,995,000 cells, from 1,000 of 10,000 images, evenly spread" in shown
    assert "These are 1,000 of 10,000 images: first those with warnings" in shown
    assert "60 of 10,000 images, evenly spread" in shown


@pytest.mark.slow
def test_names_that_tables_guard_find_their_files(tmp_path, run_main):
    names = ["first", "=cmd|' !A0", "'quoted", "a,b", 'a"b;', "細胞 ö"]
    folder = write_folder(tmp_path / "odd", names)
    text = (folder / "images.csv").read_text("utf-8")
    text = text.replace("=cmd", "'=cmd").replace("'quoted", "''quoted")  # as CellTables writes them
    (folder / "images.csv").write_text(text, "utf-8")
    assert run_main(command, folder)[0] == 0
    page = Page((folder / "report.html").read_text("utf-8"))
    for number, name in enumerate(names):
        assert f"{name} {number} cells" in page.text
    assert "cells 15" in page.text


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
