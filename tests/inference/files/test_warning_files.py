"""Warnings of runs without cells: a file for each image, and a table of all."""

from inference.files.warning_files import WarningFiles, joined


def test_files_and_table(tmp_path):
    files = WarningFiles(tmp_path)
    files.write("A01/i0", (8, 9), ["blurred 2", "=inverted"])
    files.write("b", (3, 4), [])
    assert files.paths("A01/i0") == [tmp_path / "warnings" / "A01" / "i0.csv"]
    assert files.paths("b")[0].read_text() == "height,width,warnings\n3,4,\n"
    files.write_summary(["A01/i0", "b"])
    table = (tmp_path / "images.csv").read_text()
    assert table == 'image,height,width,warnings\nA01/i0,8,9,"blurred 2; =inverted"\nb,3,4,\n'


def test_warnings_are_one_line_whatever_a_file_says():
    assert joined(["a\nb", "c  d"]) == "a b; c d"
    assert joined([]) == ""
