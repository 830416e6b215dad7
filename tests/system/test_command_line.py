"""Values of the command line."""

import pytest

from system.command_line import channels, fraction, list_of_channels, micrometres, output_folder
from system.errors import ConfigError


@pytest.mark.parametrize(("text", "value"), [("0.5", 0.5), ("1e-3", 0.001), ("0.999", 0.999), (" .25 ", 0.25)])
def test_a_fraction_lies_between_0_and_1(text, value):
    assert fraction(text, option="--threshold") == value


@pytest.mark.parametrize("text", ["0", "1", "-0.5", "1.5", "nan", "inf", "half", ""])
def test_every_other_value_is_refused_with_the_name_of_the_option(text):
    with pytest.raises(ConfigError) as refused:
        fraction(text, option="--threshold")
    assert str(refused.value).startswith(f"--threshold {text}: give a number between 0 and 1, such as 0.5")


@pytest.mark.parametrize(("text", "value"), [("0.5", 0.5), ("1e-4", 1e-4), ("10000", 1e4)])
def test_a_pixel_has_a_side_in_micrometres(text, value):
    assert micrometres(text, option="--pixel-size") == value


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e30", "1e-5", "half", "0,5", ""])
def test_every_other_side_is_refused(text):
    with pytest.raises(ConfigError) as refused:
        micrometres(text, option="--pixel-size")
    assert str(refused.value).startswith(f"--pixel-size {text}: give the side of a pixel in µm, a number between")


@pytest.mark.parametrize("text", ["[1]", "[0, 2]", "[DAPI, GFP]", "[1, DAPI]"])
def test_channels_are_numbers_or_names(text):
    expected = [int(one) if one.isdigit() else one for one in text.strip("[]").split(", ")]
    assert list_of_channels(text, option="--channels") == channels(text, option="--channels") == expected


@pytest.mark.parametrize("text", ["0", "[]", "[1.5]", "[true]", "[-1]", "[[1]]", "{a: 1}", "none", ""])
def test_every_other_value_is_no_channel(text):
    for read in (list_of_channels, channels):
        with pytest.raises(ConfigError, match=r"--channels .*(give a list|allowed are auto)"):
            read(text, option="--channels")


def test_a_number_or_auto_is_no_list_of_channels():
    assert (channels("5", option="--channels"), channels("auto", option="--channels")) == (5, "auto")
    for text in ("5", "auto"):
        with pytest.raises(ConfigError, match=r"such as \[1\]"):
            list_of_channels(text, option="--channels")


def test_a_folder_for_results_exists_or_can_be_made(tmp_path):
    for folder in (tmp_path, tmp_path / "new" / "newer"):
        assert output_folder(str(folder)) == folder
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("below", ["", "out", "a/b"])
def test_a_file_is_no_folder_for_results(tmp_path, below):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"^--out .*: .*file is a file, and results need a folder; choose another"):
        output_folder(str(tmp_path / "file" / below))


def test_a_name_that_no_folder_can_have_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"^--out .*xxx: .*; choose another --out$"):
        output_folder(str(tmp_path / ("x" * 5000)))
