"""The pages in a headless Chromium: they fit, sort, filter, follow the keyboard, and load and run nothing of others.

These tests are skipped where there is no Chromium; on Debian `apt-get install chromium` installs it.
"""

import pytest
from support.browser import CHROMIUM, MISSING, Browser
from support.predicted_folders import write_folder
from support.scored_runs import EVIL, write_scored_run

from report.prediction_page import write_prediction_page
from report.run_page import write_run_page

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason=MISSING)]
NAMES = [f"image_{n}" for n in (10, 9, 2)] + [EVIL, "A01/i0", "B02/i0"]
SHOWN = "[...document.querySelectorAll('.sortable tbody tr')].filter(r => !r.hidden).map(r => r.cells[0].textContent)"
CHOOSE = (
    "{const s = document.querySelector('.tools select'); s.selectedIndex = %d; s.dispatchEvent(new Event('change'))}"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    write_run_page(folder, write_scored_run(folder, NAMES))
    return folder / "report.html"


@pytest.fixture(scope="module")
def prediction(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predictions") / "run"
    measured = {"columns": ",touches_edge,intensity_mean-0,area_um2", "values": ",1,5.5,25"}
    write_prediction_page(write_folder(folder, [*NAMES, "w" * 200], **measured))
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def column_of(browser, title):
    """The texts of a column, from top to bottom."""
    heads = browser.ask("[...document.querySelectorAll('.sortable thead th')].map(h => h.textContent)")
    place = heads.index(title)
    return browser.ask(f"[...document.querySelectorAll('.sortable tbody tr')].map(r => r.cells[{place}].textContent)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize(("kind", "pictures"), [("page", 12), ("prediction", 7)])  # two of each image of a run
def test_it_fits_complains_of_nothing_and_asks_for_nothing(browser, request, width, scheme, kind, pictures):
    page = request.getfixturevalue(kind)
    browser.open(page, width=width, scheme=scheme)
    assert browser.ask("document.documentElement.scrollWidth <= window.innerWidth")
    assert browser.ask("document.title") == "run · report"  # no name has run a script
    images = browser.ask("[...document.images].map(i => i.complete && i.naturalWidth > 0)")
    assert len(images) == pictures
    assert all(images)
    assert browser.complaints == []
    assert [address for address in browser.requests if not address.startswith("data:")] == [page.as_uri()]
    background = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(251, 251, 249)", "dark": "rgb(21, 23, 26)"}[scheme]


@pytest.mark.parametrize(
    "planted", [EVIL, '<img src="https://example.org/x.png">', "<script>document.title = 1</script>"]
)
def test_what_somebody_plants_is_refused_and_seen(browser, page, tmp_path, planted):
    """The control of the test above: its guards see such markup, and the policy of the page stops it."""
    (tmp_path / "planted.html").write_text(page.read_text("utf-8").replace("<main>", f"<main>{planted}"), "utf-8")
    browser.open(tmp_path / "planted.html", width=400)
    assert browser.complaints
    assert browser.ask("document.title") == "run · report"


def test_a_wide_element_would_be_seen(browser, page, tmp_path):
    wide = page.read_text("utf-8").replace("<main>", '<main><div style="width: 900px">wide</div>')
    (tmp_path / "wide.html").write_text(wide, "utf-8")
    browser.open(tmp_path / "wide.html", width=400)
    assert not browser.ask("document.documentElement.scrollWidth <= window.innerWidth")


def test_columns_sort_by_numbers_and_by_names(browser, page):
    browser.open(page, width=1280)
    click = "[...document.querySelectorAll('.sortable thead button')].find(b => b.textContent === '{}').click()"
    for expected in ("descending", "ascending"):
        browser.ask(click.format("missed"))
        found = [int(text) for text in column_of(browser, "missed")]
        assert found == sorted([0, 1, 2, 0, 1, 2], reverse=expected == "descending")
        assert browser.ask("document.querySelectorAll('[aria-sort]').length") == 1
        assert browser.ask("document.querySelector('[aria-sort]').getAttribute('aria-sort')") == expected
    browser.ask(click.format("image"))
    names = [name for name in column_of(browser, "image") if name.startswith("image_")]
    assert names == ["image_2", "image_9", "image_10"]


def test_the_table_of_a_prediction_sorts_and_filters(browser, prediction):
    browser.open(prediction, width=400)
    browser.ask("[...document.querySelectorAll('.sortable thead button')].find(b => b.textContent === 'cells').click()")
    assert column_of(browser, "cells") == ["6", "5", "4", "3", "2", "1", "0"]
    options = browser.ask("[...document.querySelectorAll('.tools option')].map(o => o.textContent)")
    assert options == ["all images", "with cells", "with warnings"]
    for choice, expected in ((1, [*NAMES[1:], "w" * 200]), (2, NAMES[:1])):
        browser.ask(CHOOSE % choice)
        assert sorted(browser.ask(SHOWN)) == sorted(expected)


def test_rows_are_filtered_by_name_and_by_error(browser, page):
    browser.open(page, width=1280)
    browser.ask("document.querySelector('.tools input').focus()")
    browser.type("I0")
    assert sorted(browser.ask(SHOWN)) == ["A01/i0", "B02/i0"]
    assert browser.ask("document.querySelector('.tools output').textContent") == "2 of 6 images"
    options = browser.ask("[...document.querySelectorAll('.tools option')].map(o => o.textContent)")
    assert options == ["all images", *(f"with {error} cells" for error in ("missed", "extra", "merged", "split"))]
    browser.ask(CHOOSE % 2)  # extra cells: every second image has one
    assert browser.ask(SHOWN) == ["B02/i0"]
    browser.ask("{const i = document.querySelector('.tools input'); i.value = ''; i.dispatchEvent(new Event('input'))}")
    assert sorted(browser.ask(SHOWN)) == sorted(NAMES[1::2])


def test_everything_is_reached_and_used_by_the_keyboard(browser, page):
    browser.open(page, width=1280)
    seen = []
    for _ in range(60):
        browser.press("Tab")
        seen.append(
            browser.ask("document.activeElement.tagName + ' ' + document.activeElement.textContent.slice(0, 30)")
        )
        if seen[-1] == "BUTTON missed":
            outline = browser.ask("getComputedStyle(document.activeElement).outlineStyle")
            browser.press("Enter")
            assert [int(text) for text in column_of(browser, "missed")] == [2, 2, 1, 1, 0, 0]
            browser.press(" ")
            assert [int(text) for text in column_of(browser, "missed")] == [0, 0, 1, 1, 2, 2]
    assert outline == "solid"  # the focus is visible
    tags = [one.split()[0] for one in seen]
    assert {"A", "INPUT", "SELECT", "BUTTON", "DIV", "SUMMARY"} <= set(tags)
    buttons = browser.ask("[...document.querySelectorAll('thead button')].map(b => `BUTTON ${b.textContent}`)")
    assert set(buttons) == {one for one in seen if one.startswith("BUTTON")}
