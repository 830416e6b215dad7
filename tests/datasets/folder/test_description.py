"""dataset.yaml: what it may say, and the message for every mistake in it."""

import pytest
import yaml

from datasets.folder.description import Description, read_description
from datasets.prepare.layout import write_description
from system.errors import DataError


def described(folder, text):
    (folder / "dataset.yaml").write_text(text)
    return read_description(folder)


def test_what_is_read(tmp_path):
    assert read_description(tmp_path) == described(tmp_path, "") == Description()
    found = described(tmp_path, "classes: [background, cell]\npalette: [[0, 0, 0], [255, 0, 0]]\nvoid: [1, 2, 3]\n")
    assert found.classes == ("background", "cell")
    assert found.class_map_palette == ((0, 0, 0), (255, 0, 0))
    assert found.void == (1, 2, 3)
    numbered = described(tmp_path, "classes: [a, b, c]\nvoid: 255\n")
    assert (numbered.palette, numbered.class_map_palette, numbered.void) == (None, (0, 1, 2), 255)
    assert described(tmp_path, "classes: [cell]\n").class_map_palette is None


def test_what_preparing_a_set_writes_is_known(tmp_path):
    """The numbers of an importer stand below notes:, whatever they are called."""
    notes = {"images": 1, "nuclei_lost": 0, "tissue": "liver"}
    write_description(tmp_path, {}, name="n", classes=["nucleus"], source="s", licence="l", notes=notes)
    assert read_description(tmp_path).classes == ("nucleus",)
    assert yaml.safe_load((tmp_path / "dataset.yaml").read_text())["notes"] == notes
    assert described(tmp_path, "notes: {microscope: old}\ngroups: groups.csv\n") == Description(groups="groups.csv")


@pytest.mark.parametrize(
    "text",
    [
        "name: dsb2018\nclasses: [nucleus]\nsource: s\nlicence: CC0-1.0\nimages: 3\nnuclei: 6\nsha256sums: abc\n",
        "classes: [nucleus]\nimages: 3\nnuclei: 6\nsize: [4, 8]\nnuclei_lost: 2\nsha256sums: abc\n",
        "classes: [nucleus]\nobjects: 9\nsize: 64\nseed: 9\nmade_with: {numpy: 2.0.0, opencv: 4.9}\nsha256sums: abc\n",
    ],
)
def test_what_preparing_a_set_wrote_before_there_were_notes_still_loads(tmp_path, text):
    assert described(tmp_path, text) == Description(classes=("nucleus",), sha256sums="abc")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pallete: [0, 1]\n", "unknown key 'pallete'; did you mean 'palette'?"),
        ("microscope: old\n", "unknown key 'microscope'; classes, palette, void are read, .*write others below notes"),
        ("classes: cell\n", "classes: got 'cell'; expected a list of different names"),
        ("classes: [a, a]\n", "expected a list of different names"),
        ("classes: [1, 2]\n", "expected a list of different names"),
        ("classes: []\n", "expected a list of different names"),
        ("classes: [a/b, c]\n", "expected a list of different names"),
        ("palette: [0, 1]\n", "palette: 2 entries, but no classes:"),
        ("classes: [a, b, c]\npalette: [0, 1]\n", "palette: 2 entries, but 3 classes; give one for each"),
        ("classes: [a, b]\npalette: [0, -1]\n", "expected a whole number from 0, or a colour"),
        ("classes: [a, b]\npalette: [0, 1.5]\n", "expected a whole number from 0, or a colour"),
        ("classes: [a, b]\npalette: [[0, 0, 0], [0, 0, 256]]\n", "expected a whole number from 0, or a colour"),
        ("classes: [a, b]\npalette: [0, [1, 1, 1]]\n", "numbers and colours are mixed"),
        ("classes: [a, b]\npalette: [0, 1]\nvoid: [1, 1, 1]\n", "numbers and colours are mixed"),
        ("classes: [a, b]\npalette: [3, 3]\n", "the values of classes must all differ"),
        ("classes: [a, b]\npalette: [0, 3]\nvoid: 3\n", "the values of classes and void: must all differ"),
        ("classes: [a, b]\npalette: [0, 3]\nvoid: white\n", "void: got 'white'"),
        ("classes: [a, b]\nvoid: 1\n", "void: 1 belongs to class maps"),
        ("classes: [a]\npalette: [7]\n", "class maps have 2 to 255 classes, the background first"),
        ("void: 255\n", "void: 255 belongs to class maps; name their classes"),
        ("- a\n", "must hold keys such as 'classes:'"),
        ("classes: [a\n", "dataset.yaml: line 2: "),
    ],
)
def test_each_mistake_is_told(tmp_path, text, told):
    with pytest.raises(DataError, match=told):
        described(tmp_path, text)


def test_all_problems_come_at_once(tmp_path):
    with pytest.raises(DataError, match=r"unknown key 'klasses'; did you mean 'classes'\?.*unknown key 'x'.*palette: "):
        described(tmp_path, "klasses: [a]\nx: 1\npalette: [0, 1]\n")
